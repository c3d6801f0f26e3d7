/**
 * Records of a few entries, to see what they are counted as: one message to Ann, who lets such mail
 * through, and to Cho, who is strict.
 */
import { expect, test } from 'vitest'
import { type Fault, Record } from './count.ts'
import type { Blow, Entry, Refused, Taken, Transaction } from './journal.ts'

export const [ann, cho] = ['ann@example.org', 'cho@example.org'] as const // tag-only, strict

export const letter = (score: number): Entry => ({
  what: 'letter',
  at: 0,
  letter: 'm',
  sender: 'postfix',
  reversePath: 's@client.test',
  to: [ann, cho],
  score,
  octets: 100,
})

export const taken = (at: number, to: readonly string[], number = String(at)): Taken => ({
  what: 'taken',
  at,
  came: at,
  number,
  letter: 'm',
  to,
})
export const said = (at: number, number: string): Entry => ({ what: 'said', at, number })

/** Both accepted at RCPT, the dot at `at`, one reply for both. */
export function transaction(
  at: number,
  reply: string,
  changed: Partial<Transaction> = {},
): Transaction {
  return {
    what: 'transaction',
    letter: 'm',
    sender: 'postfix',
    attempt: 1,
    front: 0,
    from: at - 10,
    prdr: false,
    mail: '250 ok',
    rcpts: [
      [ann, '250 ok'],
      [cho, '250 ok'],
    ],
    data: '354 go on',
    dot: at,
    text: reply === '' ? [] : [reply],
    end: 'heard',
    to: at + 10,
    told:
      reply === ''
        ? []
        : [
            [ann, reply],
            [cho, reply],
          ],
    ...changed,
  }
}

export const blow = (
  at: number,
  target: Blow['target'],
  how: Blow['how'],
  front?: number,
): Blow => ({
  what: 'blow',
  at,
  target,
  pid: 7,
  how,
  ...(front !== undefined && { front }),
})

export const refused = (
  at: number,
  step: Refused['step'],
  why: Refused['why'],
  to: readonly string[],
): Refused => ({
  what: 'refused',
  at,
  step,
  code: 550,
  why,
  letter: 'm',
  to,
})

export const both = [ann, cho]

/** What nothing explains, then what the record explains. */
export type Row = readonly [
  name: string,
  entries: readonly Entry[],
  unexplained: readonly Fault[],
  explained?: readonly Fault[],
]

export function expectCounted(rows: readonly Row[]): void {
  test.each(rows.map(([name, ...rest]) => ({ name, rest })))('$name', ({ rest }) => {
    const [entries, unexplained, explained = []] = rest
    const findings = new Record(entries, 'late').findings()
    const faultsOf = (known: boolean): Fault[] =>
      findings.filter(({ because }) => (because !== undefined) === known).map(({ fault }) => fault)
    expect({ unexplained: faultsOf(false), explained: faultsOf(true) }).toEqual({
      unexplained,
      explained,
    })
  })
}
