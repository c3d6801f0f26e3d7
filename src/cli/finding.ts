/** What `check` has found, and how it is told. */
import { paint, type Style } from '../log/colours.ts'
import { visible } from '../log/visible.ts'

/** From good to bad. */
export const levels = ['ok', 'note', 'warning', 'bad'] as const
export type Level = (typeof levels)[number]

export interface Finding {
  readonly level: Level
  /** The part of the configuration that it is about, such as `backend`. */
  readonly what: string
  /** Which of several: a server, a file, a domain, an address that is listened on. */
  readonly where?: string
  readonly text: string
}

export const ok = (what: string, text: string, where?: string): Finding => ({
  level: 'ok',
  what,
  ...(where !== undefined && { where }),
  text,
})

export const bad = (what: string, text: string, where?: string): Finding => ({
  ...ok(what, text, where),
  level: 'bad',
})

export const note = (what: string, text: string, where?: string): Finding => ({
  ...ok(what, text, where),
  level: 'note',
})

export const warning = (what: string, text: string, where?: string): Finding => ({
  ...ok(what, text, where),
  level: 'warning',
})

const rank = ({ level }: Finding): number => levels.indexOf(level)

/** The worst last, where the eye is when the command ends. */
export const worstLast = (findings: readonly Finding[]): readonly Finding[] =>
  findings.toSorted((a, b) => rank(a) - rank(b))

const words: Readonly<Record<Level, string>> = {
  ok: 'ok  ',
  note: 'note',
  warning: 'warn',
  bad: 'BAD ',
}

const styles: Readonly<Record<Level, Style>> = {
  ok: 'green',
  note: 'cyan',
  warning: 'yellow',
  bad: 'red',
}

/** What servers and name servers say stands in it: it can't move the cursor. */
export const inOneLine = ({ level, what, text }: Finding): string =>
  `${paint(styles[level], words[level])} ${visible(`${what}: ${text}`)}`

/** Such as `12 ok, 1 note, 1 BAD; the worst: backend: no answer`. */
export function summary(findings: readonly Finding[]): string {
  const counts = levels.flatMap((level) => {
    const count = findings.filter((one) => one.level === level).length
    return count === 0 ? [] : [`${count} ${inNumber(level, count)}`]
  })
  const worst = worstLast(findings).findLast(({ level }) => level !== 'ok' && level !== 'note')
  const about = worst === undefined ? '' : `; the worst: ${worst.what}: ${worst.text}`
  return `${counts.join(', ')}${about}`
}

function inNumber(level: Level, count: number): string {
  if (level === 'ok' || level === 'bad') return level === 'ok' ? 'ok' : 'BAD'
  return count === 1 ? level : `${level}s`
}
