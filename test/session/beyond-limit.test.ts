/**
 * More recipients than `limits.recipients`, of whom the first ones refuse: what the sender of
 * docs/known-limits.md hears.
 */
import { describe, expect, test } from 'vitest'
import type { Reply } from '../../src/smtp/reply.ts'
import { Machine, policies, yes } from '../support/machine.ts'
import { MemoryLedger } from '../support/memory-ledger.ts'

const spam: Reply = { code: 550, lines: ['5.7.1 Spam'] }
const all = ['a@example.org', 'b@example.org', 'c@example.org', 'last@example.org']

interface Heard {
  readonly text: readonly string[]
  readonly open: readonly string[]
}

/** Thirty attempts of a sender that names all who are open, in the same order each time. */
function heard(
  lastWord: 'judges' | 'backend',
  strategy: 'group' | 'single' | 'late',
  limit = 3,
): Heard {
  const ledger = new MemoryLedger()
  const recipients = Object.fromEntries(
    all.map((one) => [one, one.startsWith('last') ? policies.tagOnly : policies.strict]),
  )
  const text: string[] = []
  let open = all
  for (let n = 0; n < 30 && open.length > 0; n++) {
    const machine = Machine.ready({
      ledger,
      recipients,
      now: () => 1_000_000 + n * 600_000,
      peer: { strategy },
      session: {
        lastWord,
        limits: { recipients: limit, transactionsPerSession: 100, errorsPerSession: 20 },
      },
      world: {
        deliver: (parcel) => ({
          reply:
            lastWord === 'backend' &&
            parcel.recipients.some(({ argument }) => !argument.startsWith('<last'))
              ? spam
              : yes,
        }),
      },
    })
    const judgement =
      lastWord === 'backend'
        ? ({ kind: 'silent' } as const)
        : ({ kind: 'judged', score: 20, symbols: [] } as const)
    const said = machine.message(open, { message: 'one', judgement }, ' SIZE=1000')
    const [reply = ''] = said.text
    text.push(reply.slice(0, 3))
    open = open.filter(
      (_, i) => !(/^[25]/.test(reply) && said.rcpts[i]?.startsWith('250') === true),
    )
  }
  return { text, open }
}

describe('known-limits.md: “Rcptwise tells a refusal only while nobody else waits, and a recipient beyond limits.recipients (1000) waits.”', () => {
  test.each(['group', 'single', 'late'] as const)(
    '%s: known-limits.md: “With last_word: backend their sender hears 451 until it gives up.”',
    (strategy) => {
      const { text, open } = heard('backend', strategy)
      expect(new Set(text)).toEqual(new Set(['451']))
      expect(open).toEqual(all)
    },
  )

  test.each(['group', 'single', 'late'] as const)(
    '%s: known-limits.md: “Where judges decide, rule 5 or rule 7 lets the message through to them in the end, marked.”',
    (strategy) => {
      const { text, open } = heard('judges', strategy)
      expect(text).toContain('250')
      expect(open).toEqual([])
    },
  )

  test('known-limits.md: “A limit of at least as many recipients as one message has prevents it.”', () => {
    const { text, open } = heard('backend', 'late', 4)
    expect(text.at(-1)).toBe('550')
    expect(open).toEqual([])
  })
})
