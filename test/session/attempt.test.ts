/**
 * What a transaction's fact says for `auto` and `shadow`, and how a message is served that nobody
 * vouches for.
 */
import { describe, expect, test } from 'vitest'
import type { TransactionFact } from '../../src/facts/transaction.ts'
import { MemoryLedger } from '../support/memory-ledger.ts'
import { knownSender, Machine, type MachineOptions, policies } from '../support/machine.ts'

const recipients = { 'tag@example.org': policies.tagOnly, 'strict@example.org': policies.strict }
const both = Object.keys(recipients)
const text = (symbols: readonly string[], score = 9) =>
  ({ judgement: { kind: 'judged', score, symbols } }) as const
const vouched = text(['R_SPF_ALLOW'])

const machine = (options: MachineOptions = {}): Machine =>
  Machine.ready({ recipients, ...options, peer: { strategy: 'late', ...options.peer } })
const last = (of: Machine): TransactionFact => {
  const fact = of.transactions.at(-1)
  if (fact === undefined) throw new Error('no transaction has ended')
  return fact
}

describe('who vouches', () => {
  test('is known from the symbols of the text', () => {
    const it = machine()
    it.message(both, vouched)
    expect(last(it).vouched).toBe(true)
    expect(it.ledger.open[0]?.vouched).toBe(true)
  })

  test('is nobody when the judge says nothing', () => {
    const it = machine()
    it.message(both)
    expect(last(it).vouched).toBe(false)
  })

  test('is remembered for an attempt that breaks off before the text, and not known before any', () => {
    const it = machine()
    it.send('MAIL FROM:<sender@example.net>', `RCPT TO:<${both[0] ?? ''}>`, 'RSET')
    expect(last(it).vouched).toBeUndefined()
    it.message(both, vouched)
    it.send(
      'MAIL FROM:<sender@example.net>',
      ...both.map((address) => `RCPT TO:<${address}>`),
      'QUIT',
    )
    expect(last(it)).toMatchObject({ outcome: 'aborted', vouched: true })
  })
})

describe('who comes back', () => {
  const ledger = new MemoryLedger()

  test('in the same connection', () => {
    const it = machine({ ledger })
    it.message(both, vouched)
    expect(last(it).cameBack).toBeUndefined()
    it.message(both, vouched)
    expect(last(it).cameBack).toEqual({ sameConnection: true, elsewhere: false, otherHost: false })
  })

  test('at another of our addresses, from another of its own', () => {
    const before = ledger.open[0]
    if (before?.attempt === undefined) throw new Error('there is no split')
    ledger.splits.set(before.id, {
      ...before,
      attempt: {
        ...before.attempt,
        session: 'another',
        address: '192.0.2.9',
        local: '203.0.113.1 25',
      },
    })
    const it = machine({ ledger })
    it.message(['strict@example.org'], vouched)
    expect(last(it).cameBack).toEqual({ sameConnection: false, elsewhere: true, otherHost: true })
  })
})

describe('a sender that auto serves lenient', () => {
  const options = {
    peer: {
      strategy: 'lenient',
      unvouchedAs: 'late',
      chosen: { sender: 'x.example', why: 'lost' },
    },
  } as const

  test('is not deferred while SPF or DKIM vouches; the fact says why', () => {
    const it = machine(options)
    expect(it.message(both, vouched).text).toEqual([expect.stringMatching(/^250/)])
    expect(last(it)).toMatchObject({
      strategy: 'lenient',
      chosen: { sender: 'x.example', why: 'lost' },
    })
    expect(it.ledger.splits.size).toBe(0)
  })

  test('is served late where nobody does, to the end of the message', () => {
    const it = machine({ ...options, ...knownSender })
    const spoofed = text(['R_SPF_FAIL'])
    expect(it.message(both, spoofed).text).toEqual([expect.stringMatching(/^451/)])
    expect(last(it).strategy).toBe('late')
    expect(it.message(both, spoofed).rcpts.map((line) => line.slice(0, 3))).toEqual(['250', '451'])
    expect(it.message(['strict@example.org'], spoofed).text).toEqual([
      expect.stringMatching(/^550/),
    ])
    expect(it.ledger.open).toEqual([])
  })
})

describe('shadow', () => {
  test("strategies.md: “The log line of a message's first attempt has a field shadow.” Also what the deferred would have got", () => {
    const it = machine({ peer: { strategy: 'group', shadow: 'late' } })
    it.message(both, vouched)
    expect(last(it).shadow).toEqual({ strategy: 'late', forcedRetries: 2 })
    it.message(['strict@example.org'], vouched)
    expect(last(it).shadow).toBeUndefined()
  })

  test('strategies.md: “shadow: STRATEGY on a class counts what another strategy would have cost, and does nothing else.”', () => {
    const it = machine({ peer: { strategy: 'lenient', shadow: 'group' } })
    it.message(both, text([], 0))
    expect(last(it).shadow).toEqual({ strategy: 'group', forcedRetries: 1 })
    expect(it.ledger.splits.size).toBe(0)
  })

  test.each([
    ['PRDR', {}, ' PRDR'],
    ['the site’s own networks', { trusted: true }, ''],
  ])('is not asked of %s', (_name, options: MachineOptions, parameters) => {
    const it = machine({ ...options, peer: { strategy: 'lenient', shadow: 'group' } })
    it.message(both, text([], 0), parameters)
    expect(last(it).shadow).toBeUndefined()
  })
})
