/** Which facts are told live, and what of them. */
import fc from 'fast-check'
import { expect, it } from 'vitest'
import { eventOfFact, toldKinds } from '../../../src/app/live/event-of-fact.ts'
import { everyKind, recipient, transaction } from '../../metrics/sample-facts.ts'

it('each fact that is told has its kind as name, and its time and the worker in its data', () => {
  const told = new Set<string>()
  for (const fact of everyKind) {
    const event = eventOfFact(fact, 2)
    expect(event !== undefined).toBe(toldKinds.includes(fact.kind))
    if (event === undefined) continue
    told.add(event.name)
    expect(event.name).toBe(fact.kind)
    expect(JSON.parse(event.data)).toMatchObject({ kind: fact.kind, at: fact.at, worker: 2 })
  }
  expect(told.size).toBeGreaterThan(20)
})

it('a transaction is told with the reason of each recipient, and how many forced retries it has', () => {
  const event = eventOfFact(
    transaction({
      recipients: [
        recipient('a@example.org'),
        recipient('b@example.org', {
          fate: 'deferred',
          final: false,
          reason: { because: 'other group' },
        }),
      ],
    }),
  )
  expect(JSON.parse(event?.data ?? '')).toMatchObject({
    kind: 'transactionEnded',
    from: 'sender@example.net',
    forcedRetries: 1,
    recipientCount: 2,
    recipients: [
      { address: 'a@example.org', reason: { because: 'below limits' } },
      { address: 'b@example.org', reason: { because: 'other group' } },
    ],
  })
})

it('whatever strangers have written, and however much: an event stays within bounds', () => {
  const text = fc.string({ unit: 'binary', maxLength: 3000 })
  fc.assert(
    fc.property(text, fc.integer({ min: 0, max: 2000 }), (said, count) => {
      const { name, data } =
        eventOfFact(
          transaction({
            reversePath: said,
            messageId: said,
            reply: said,
            client: { address: said, port: 1, helo: said, tls: true },
            recipients: Array.from({ length: count }, () => recipient(said, { reply: said })),
          }),
        ) ?? {}
      expect(name).toBe('transactionEnded')
      expect(JSON.parse(data ?? '')).toMatchObject({ recipientCount: count })
      expect(data?.length).toBeLessThan(110 * 6 * 501 + 20_000)
      expect(data).not.toMatch(/[\r\n]/)
    }),
    { numRuns: 50 },
  )
})
