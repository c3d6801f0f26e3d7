/**
 * A message is counted once, however often its sender comes for it: random senders against the real
 * machine, each attempt on another front-end that has the same ledger.
 */
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { metricsFromFacts } from '../../src/metrics/from-facts.ts'
import { createMetrics } from '../../src/metrics/registry.ts'
import { sumOf, Sums } from '../../src/metrics/summed.ts'
import type { StrategyName } from '../../src/strategy/names.ts'
import { defaultPeer, Machine, policies } from '../support/machine.ts'
import { MemoryLedger } from '../support/memory-ledger.ts'
import { runs } from '../support/properties.ts'
import { attempt, type Letter, openOf, type SenderKind } from '../support/senders.ts'

/** qmail sends a message to each recipient on its own, and nullmailer gives up at the first 4yz. */
const senders = ['exim', 'eximPrdr', 'postfix', 'sendmail', 'opensmtpd', 'haraka'] as const
const mishaps = ['none', 'text 4yz', 'some text 4yz', 'breaks in the text'] as const

interface Course {
  readonly sender: SenderKind
  readonly strategy: StrategyName
  readonly wishes: readonly (keyof typeof policies)[]
  readonly score: number
  /** Of the first attempts; from then on all goes well. */
  readonly mishaps: readonly (typeof mishaps)[number][]
}

const course: fc.Arbitrary<Course> = fc.record({
  sender: fc.constantFrom(...senders),
  strategy: fc.constantFrom('group', 'single', 'late', 'lenient', 'off'),
  wishes: fc.array(fc.constantFrom('tagOnly', 'careful', 'strict', 'own'), {
    minLength: 1,
    maxLength: 5,
  }),
  score: fc.constantFrom(1, 6, 9, 20),
  mishaps: fc.array(fc.constantFrom(...mishaps), { maxLength: 3 }),
})

interface Counted {
  readonly messages: number
  readonly transactions: number
}

function countedOf({ sender, strategy, wishes, score, mishaps: all }: Course): Counted {
  const letter: Letter = {
    message: 'letter',
    from: 'sender@example.net',
    judgement: { kind: 'judged', score, symbols: [] },
    fates: new Map(wishes.map((_, i) => [`r${i}@example.org`, 'open'])),
  }
  const ledger = new MemoryLedger()
  const counted = { messages: 0, transactions: 0 }
  for (let number = 0; openOf(letter).length > 0 && number < 40; number++) {
    const mishap = all[number] ?? 'none'
    let parcels = 0
    const machine = Machine.ready({
      ledger,
      recipients: Object.fromEntries(
        wishes.map((wish, i) => [`r${i}@example.org`, policies[wish]]),
      ),
      peer: { ...defaultPeer, strategy },
      now: () => 1_000_000 + number * 600_000,
      world: {
        deliver: () =>
          mishap === 'text 4yz' || (mishap === 'some text 4yz' && parcels++ === 0)
            ? { reply: { code: 451, lines: ['4.3.0 Not now'] } }
            : { reply: { code: 250, lines: ['2.0.0 Ok'] } },
      },
    })
    attempt(sender, machine, letter, {
      shuffle: (recipients) => recipients,
      watch: () => undefined,
      ...(mishap === 'breaks in the text' && { breaks: 'in the text' }),
    })
    // Each attempt has its own front-end: they only share the ledger.
    const metrics = createMetrics({}, { processMetrics: false })
    const tell = metricsFromFacts(metrics)
    for (const fact of machine.transactions) tell(fact)
    const sums = new Sums()
    sums.hear(metrics, metrics.registry.everything())
    counted.messages += sumOf(sums, 'messages_total')
    counted.transactions += sumOf(sums, 'transactions_total')
  }
  return counted
}

describe('a message is counted once, in however many transactions', () => {
  test.each(senders)('%s', (sender) => {
    let most = 0
    fc.assert(
      fc.property(course, (drawn) => {
        // PRDR leaves nothing behind: who was put off beside a refusal comes as another message.
        fc.pre(sender !== 'eximPrdr' || !drawn.mishaps.some((one) => one.endsWith('4yz')))
        const { messages, transactions } = countedOf({ ...drawn, sender })
        most = Math.max(most, transactions)
        expect(messages).toBe(1)
      }),
      { numRuns: runs(300) },
    )
    if (sender !== 'eximPrdr') expect(most).toBeGreaterThan(2)
  })
})
