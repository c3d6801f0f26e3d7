/**
 * Rule 10 with each sender: what a refused message costs the sender's next clean ones to the same
 * people.
 */
import { describe, expect, test } from 'vitest'
import { modelSenders } from './senders.ts'
import { simulateTraffic } from './traffic.ts'

const minute = 60_000

describe.each(modelSenders)('$name', (sender) => {
  describe.each([
    ['one a minute', minute],
    ['one an hour', 60 * minute],
  ] as const)('%s', (_name, everyMs) => {
    test.each(['alike', 'different'] as const)(
      'strategies.md: “Clean mail is never late because of a guess” “one message of a split can be late.”: sizes %s',
      (sizes) => {
        const outcome = simulateTraffic({
          sender,
          strategy: 'late',
          everyMs,
          sizes,
          messages: 6,
          seed: 3,
        })
        expect({ doubled: outcome.doubled, lost: outcome.lost }).toEqual({ doubled: 0, lost: 0 })
        expect(outcome.clean).toBeGreaterThanOrEqual(6 * 5)
        // It drops everything at the first 4yz and shows no text, so that nobody can give it to
        // them (senders: nullmailer).
        const mostDelayed = sender.acts === 'nullmailer' ? 3 * outcome.refused : 0
        expect(outcome.delayed).toBeLessThanOrEqual(mostDelayed)
        expect(outcome.heldUp, 'one wrong guess a split').toBeLessThanOrEqual(outcome.refused)
        // No split goes on for ever.
        expect(Math.max(...outcome.attempts)).toBeLessThanOrEqual(7)
        if (sender.retryAfter(1) === undefined) expect(outcome.heldUp, 'never guessed at').toBe(0)
        if (everyMs > minute && sender.acts !== 'nullmailer') expect(outcome.heldUp).toBe(0)
      },
    )
  })
})

test('strategies.md: “Then Rcptwise lets the refused message through in the end, marked as spam, and no clean one is late.”', () => {
  const [postfix] = modelSenders
  if (postfix === undefined) throw new Error('no senders')
  const outcome = simulateTraffic({
    sender: postfix,
    strategy: 'late',
    everyMs: minute,
    sizes: 'alike',
    messages: 6,
    seed: 3,
  })
  expect(outcome).toMatchObject({ delayed: 0, told: 0, wrongGuesses: 6 })
})
