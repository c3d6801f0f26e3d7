/**
 * Rcptwise is to be taken away: no message begins a split any more, and those that are open are
 * answered to their end.
 */
import { describe, expect, test } from 'vitest'
import { heldIn } from '../../src/split/held.ts'
import { knownSender, Machine, type MachineOptions, policies } from '../support/machine.ts'
import { MemoryLedger } from '../support/memory-ledger.ts'

const recipients = { 'tag@example.org': policies.tagOnly, 'strict@example.org': policies.strict }
const both = Object.keys(recipients)
const [tag = '', strict = ''] = both
const spam = { message: 'spam', judgement: { kind: 'judged', score: 9, symbols: [] } } as const
const codes = (lines: readonly string[]): string => lines.map((line) => line.slice(0, 3)).join(' ')
const draining = (isSo: () => boolean = () => true): MachineOptions => ({
  oracle: { draining: isSo },
})

describe.each(['late', 'group', 'single'] as const)('%s', (strategy) => {
  const machine = (options: MachineOptions = {}): Machine =>
    Machine.ready({ ...knownSender, recipients, ...options, peer: { strategy } })

  test('in-and-out.md: “A message whose recipients differ is served unsplit, as a forgiven one is (forgive_as)”', () => {
    const it = machine(draining())
    const { rcpts, text } = it.message(both, spam)
    expect(codes([...rcpts, ...text])).toBe('250 250 250')
    expect(it.transactions).toMatchObject([
      {
        unsplit: 'draining',
        recipients: [{}, { verdict: 'tag', reason: { because: 'draining' } }],
      },
    ])
    expect(it.ledger.open).toEqual([])
  })

  test('one that has begun goes on to its end, and nobody gets the message twice', () => {
    const ledger = new MemoryLedger()
    const first = machine({ ledger })
    first.message(both, spam)
    const returns = strategy === 'late' ? [both, [strict]] : [[strict]]
    const later = returns.map((to) => {
      const it = machine({ ledger, ...draining() })
      const { rcpts, text } = it.message(to, spam)
      return { it, said: codes([...rcpts, ...text]) }
    })
    expect(later.at(-1)?.said).toBe('250 550')
    const got = [first, ...later.map(({ it }) => it)].flatMap((it) =>
      it.parcels.flatMap((parcel) => parcel.recipients.map(({ argument }) => argument)),
    )
    expect(got).toEqual([`<${tag}>`])
    expect(ledger.open).toEqual([])
  })

  test('whose sender leaves after the dot is remembered all the same', () => {
    const it = machine(draining())
    it.leavesAfterDot = true
    it.message(both, spam)
    expect(it.ledger.open.flatMap(heldIn).map(({ address }) => address)).toEqual(both)
    const back = machine({ ledger: it.ledger, ...draining() })
    back.message(both, spam)
    expect(back.parcels).toEqual([])
  })

  test('what counts is the moment in which a split would begin, and not that of MAIL', () => {
    let isSo = false
    const it = machine(draining(() => isSo))
    it.send('MAIL FROM:<sender@example.net> SIZE=1000')
    isSo = true
    const replies = it.send(...both.map((to) => `RCPT TO:<${to}>`), 'DATA')
    expect(codes(replies)).toBe('250 250 354')
    expect(codes(it.text(spam))).toBe('250')
    expect(it.ledger.open).toEqual([])
  })
})

test('with PRDR everybody has an answer of their own, as before', () => {
  const it = Machine.ready({ recipients, ...draining() })
  const { text } = it.message(both, spam, ' PRDR')
  expect(codes(text)).toBe('353 250 550 250')
  expect(it.transactions).toMatchObject([{ unsplit: undefined }])
})
