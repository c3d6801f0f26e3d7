/** What a filter answers, from its frames to values. Pure. */
import type { Reply } from '../../smtp/reply.ts'
import { printable } from '../../smtp/octets.ts'
import { cString, type Frame, uint32, type Unreadable } from './wire.ts'

/** What the filter wants done with the message, or not yet. */
export type Answer =
  | { readonly say: 'continue' | 'accept' | 'reject' | 'tempfail' | 'discard' }
  /** With a reply of its own, 4yz or 5yz. */
  | { readonly say: 'reply'; readonly reply: Reply }
  /** No more of this kind. */
  | { readonly say: 'skip' }
  /** It needs more time. */
  | { readonly say: 'progress' }
  /** It would have the connection closed. */
  | { readonly say: 'hang up' }

/** Only between the end of the body and the answer to it. */
export type Change =
  | { readonly change: 'add'; readonly name: string; readonly value: string }
  | {
      readonly change: 'insert' | 'set'
      readonly index: number
      readonly name: string
      readonly value: string
    }
  | { readonly change: 'body'; readonly octets: Buffer }
  | { readonly change: 'delete recipient' | 'add recipient' | 'sender'; readonly address: string }
  | { readonly change: 'quarantine'; readonly why: string }

/** Lines of a reply, and octets of each, that are told on. */
export const mostLines = 20
export const longestLine = 400

const answers: Readonly<Record<string, Answer>> = {
  c: { say: 'continue' },
  a: { say: 'accept' },
  r: { say: 'reject' },
  t: { say: 'tempfail' },
  d: { say: 'discard' },
  s: { say: 'skip' },
  p: { say: 'progress' },
  f: { say: 'hang up' },
  '4': { say: 'hang up' },
}

export function readReply({ code, data }: Frame): Answer | Change | Unreadable {
  const answer = answers[code]
  if (answer !== undefined) return answer
  switch (code) {
    case 'y':
      return replyIn(data)
    case 'h': {
      const [name, value] = strings(data)
      return value === undefined ? half : { change: 'add', name: name ?? '', value }
    }
    case 'i':
    case 'm': {
      if (data.length < 4) return half
      const [name, value] = strings(data.subarray(4))
      if (value === undefined) return half
      const change = code === 'i' ? 'insert' : 'set'
      return { change, index: data.readUInt32BE(), name: name ?? '', value }
    }
    case 'b':
      return { change: 'body', octets: data }
    case '+':
    case '2':
      return addressed('add recipient', data)
    case '-':
      return addressed('delete recipient', data)
    case 'e':
      return addressed('sender', data)
    case 'q':
      return { change: 'quarantine', why: strings(data)[0] ?? '' }
    default:
      return { failed: `it answers ${JSON.stringify(printable(code))}, which no milter does` }
  }
}

const half: Unreadable = { failed: 'it sends half an answer' }

function addressed(
  change: 'delete recipient' | 'add recipient' | 'sender',
  data: Buffer,
): Change | Unreadable {
  const [address] = strings(data)
  return address === undefined ? half : { change, address: address.replace(/^<(.*)>$/, '$1') }
}

/** Those that end with their NUL. */
function strings(data: Buffer): readonly string[] {
  return data.toString('latin1').split('\0').slice(0, -1)
}

const line = /^([45][0-9][0-9])(?:[ -]|$)(?:([245])\.([0-9]{1,3}\.[0-9]{1,3})(?: |$))?/

/**
 * `550 5.7.1 text`, perhaps on several lines. The filter's library has made it by printf: `%%` is a
 * percent sign, and one alone is nothing.
 */
function replyIn(data: Buffer): Answer | Unreadable {
  const [text = ''] = strings(data)
  const lines = text
    .replaceAll(/%(%?)/g, '$1')
    .split(/\r?\n/)
    .filter((one, i) => i === 0 || one !== '')
    .slice(0, mostLines)
  const first = line.exec(lines[0] ?? '')
  if (first?.[1] === undefined) return { failed: 'it answers with something that is no reply' }
  const told = lines.map((one) => printable(one.replace(line, '')).slice(0, longestLine))
  const [head = '', ...more] = told
  const sameClass = first[2] === first[1][0]
  return {
    say: 'reply',
    reply: {
      // 421 would end the connection, and with it what others of the message are told.
      code: first[1] === '421' ? 451 : Number(first[1]),
      detail: sameClass ? (first[3] ?? '7.1') : '7.1',
      lines: [head === '' ? 'refused by a filter' : head, ...more],
    },
  }
}

/** What the two sides have agreed on. */
export interface Agreed {
  readonly version: number
  /** Bits of what the filter does not want, or does not answer. */
  readonly protocol: number
  /** Names of macros by stage, where it has said which. */
  readonly macros: ReadonlyMap<number, ReadonlySet<string>>
}

export const newestVersion = 6
export const oldestVersion = 2

/** Everything, of the version: filters hang up when they are offered too little. */
export const offers: Readonly<
  Record<number, { readonly actions: number; readonly protocol: number }>
> = {
  2: { actions: 0x3f, protocol: 0x7f },
  6: { actions: 0x1ff, protocol: 0x1f_ffff },
}

export function offerData(version: 2 | 6): Buffer {
  const offer = offers[version] ?? { actions: 0, protocol: 0 }
  return Buffer.concat([uint32(version), uint32(offer.actions), uint32(offer.protocol)])
}

/**
 * The filter's bits count as they are, offered or not: rspamd does not answer what it says that it
 * won't, whatever it was offered.
 */
export function readAgreed({ code, data }: Frame): Agreed | Unreadable {
  if (code !== 'O') return { failed: 'it does not negotiate as a milter does' }
  if (data.length < 12) return half
  const version = data.readUInt32BE()
  if (version < oldestVersion)
    return { failed: `it speaks version ${version} of the protocol; 2 and later are known` }
  const macros = new Map<number, ReadonlySet<string>>()
  for (let at = 12; at + 4 < data.length;) {
    const end = data.indexOf(0, at + 4)
    if (end === -1) return half
    const names = data.toString('latin1', at + 4, end)
    macros.set(data.readUInt32BE(at), new Set(names.split(/[ ,]/).filter((name) => name !== '')))
    at = end + 1
  }
  return { version: Math.min(version, newestVersion), protocol: data.readUInt32BE(8), macros }
}

/** Name, value, name, value… */
export const macroData = (macros: readonly (readonly [string, string])[]): Buffer =>
  Buffer.concat(macros.flat().map(cString))
