/**
 * So many splits are open that nobody may begin another one: messages are served unsplit, and those
 * that wait are answered to the end.
 */
import { describe, expect, test } from 'vitest'
import { knownSender, Machine, type MachineOptions, policies } from '../support/machine.ts'
import { MemoryLedger } from '../support/memory-ledger.ts'

const recipients = { 'tag@example.org': policies.tagOnly, 'strict@example.org': policies.strict }
const both = Object.keys(recipients)
const [tag = '', strict = ''] = both
const spam = { message: 'spam', judgement: { kind: 'judged', score: 9, symbols: [] } } as const
const codes = (lines: readonly string[]): string => lines.map((line) => line.slice(0, 3)).join(' ')

describe.each(['late', 'group', 'single'] as const)('%s', (strategy) => {
  const machine = (options: MachineOptions = {}): Machine =>
    Machine.ready({ ...knownSender, recipients, ...options, peer: { strategy } })

  test('a message that would begin a split is served unsplit, and the limit is told', () => {
    const it = machine({ crowded: 'open_splits_per_sender' })
    const { rcpts, text } = it.message(both, spam)
    expect(codes([...rcpts, ...text])).toBe('250 250 250')
    expect(it.transactions).toMatchObject([{ unsplit: 'crowded' }])
    expect(it.facts.filter(({ kind }) => kind === 'limitReached')).toMatchObject([
      { limit: 'open_splits_per_sender' },
    ])
    expect(it.ledger.open).toEqual([])
  })

  test('one that has begun goes on', () => {
    const ledger = new MemoryLedger()
    machine({ ledger }).message(both, spam)
    const answers = [both, strategy === 'late' ? [strict] : [strict]].map((to) => {
      const { rcpts, text } = machine({ ledger, crowded: 'open_splits' }).message(to, spam)
      return codes([...rcpts, ...text])
    })
    expect(answers.at(-1)).toBe('250 550')
    expect(ledger.open).toEqual([])
  })

  test('a sender that leaves after the dot opens nothing', () => {
    const it = machine({ crowded: 'open_splits_per_client' })
    it.leavesAfterDot = true
    it.message([tag, strict], spam)
    expect(it.ledger.open).toEqual([])
  })
})
