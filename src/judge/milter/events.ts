/** What a filter is told, event by event, as octets. Pure. */
import type { HeaderField } from '../../message/header-fields.ts'
import { uint16, cString } from './wire.ts'

export type EventName =
  'connect' | 'helo' | 'mail' | 'rcpt' | 'data' | 'header' | 'eoh' | 'body' | 'end'

export interface EventKind {
  readonly code: string
  /** Bit of a filter that does not want to be told. */
  readonly unwanted: number
  /** Bit of a filter that does not answer it. */
  readonly unanswered: number
  /** Number of the stage whose macros go before it; absent: none do. */
  readonly macros?: number
  /** Version of the protocol that has brought it. */
  readonly since: number
}

export const events: Readonly<Record<EventName, EventKind>> = {
  connect: { code: 'C', unwanted: 0x1, unanswered: 0x1000, macros: 0, since: 2 },
  helo: { code: 'H', unwanted: 0x2, unanswered: 0x2000, macros: 1, since: 2 },
  mail: { code: 'M', unwanted: 0x4, unanswered: 0x4000, macros: 2, since: 2 },
  rcpt: { code: 'R', unwanted: 0x8, unanswered: 0x8000, macros: 3, since: 2 },
  data: { code: 'T', unwanted: 0x200, unanswered: 0x1_0000, macros: 4, since: 4 },
  header: { code: 'L', unwanted: 0x20, unanswered: 0x80, since: 2 },
  eoh: { code: 'N', unwanted: 0x40, unanswered: 0x4_0000, macros: 6, since: 2 },
  body: { code: 'B', unwanted: 0x10, unanswered: 0x8_0000, since: 2 },
  end: { code: 'E', unwanted: 0, unanswered: 0, macros: 5, since: 2 },
}

/** Header values keep the blank behind the colon. */
export const leadingSpace = 0x10_0000

export interface Connected {
  readonly address: string
  readonly port: number
  readonly name?: string
}

/** A client without a name is called by its address in brackets, as with sendmail and Postfix. */
export function connectData({ address, port, name }: Connected): Buffer {
  const family = address.includes(':') ? '6' : /^[0-9.]+$/.test(address) ? '4' : 'U'
  const called = cString(name ?? `[${address}]`)
  if (family === 'U') return Buffer.concat([called, Buffer.from(family)])
  return Buffer.concat([called, Buffer.from(family), uint16(port), cString(address)])
}

export const mailData = (
  reversePath: string,
  parameters: ReadonlyMap<string, string | undefined>,
): Buffer =>
  Buffer.concat([
    cString(`<${reversePath}>`),
    ...[...parameters].map(([key, value]) =>
      cString(value === undefined ? key : `${key}=${value}`),
    ),
  ])

export const rcptData = (address: string): Buffer => cString(`<${address}>`)

/** Folds as LF, without CR. One blank behind the colon is eaten unless the filter wants it. */
export function headerData({ raw }: Pick<HeaderField, 'raw'>, keepsSpace: boolean): Buffer {
  const colon = raw.indexOf(':')
  const name = raw.slice(0, colon).trimEnd()
  const value = raw
    .slice(colon + 1)
    .replace(/\r?\n$/, '')
    .replaceAll('\r', '')
  const eaten = !keepsSpace && value.startsWith(' ') ? value.slice(1) : value
  return Buffer.concat([cString(name), cString(eaten)])
}
