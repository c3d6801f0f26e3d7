/**
 * `late`, killed with -9 at each step of one message: before and after each write of the ledger,
 * and where the backend is given or has taken a text. The sender comes again until everyone is
 * answered.
 *
 *     attempt 1   ledger: they are being delivered to │ backend: plain │ ledger: plain done │ backend: tagged │ ledger: all │ 451
 *     attempt 2   the refused one is deferred, the others are acknowledged │ ledger │ 250
 *     attempt 3   the refused one alone │ ledger: closed │ 550
 */
import path from 'node:path'
import { describe, expect, test } from 'vitest'
import { type Rule, startFakeBackend } from '../support/fake-backend.ts'
import { until } from '../support/lab/until.ts'
import { senderOf, untilAnswered } from './sender.ts'
import { Home } from './serve.ts'

const config = `peers: [{ name: default, strategy: late }]
policies: { calm: { tag_at: 12 }, tag-only: { tag_at: 6 }, strict: { tag_at: 5, reject_at: 8 }, careful: { tag_at: 6, reject_at: 15 } }`
const recipients =
  '"calm@example.org": calm\n"tag@example.org": tag-only\n"strict@example.org": strict\n'
const to = ['calm@example.org', 'tag@example.org', 'strict@example.org']
const text = 'X-Spam-Score: 9.5\r\nSubject: test\r\nMessage-ID: <1@x.test>\r\n\r\nhello\r\n'

interface Step {
  /** The n-th write of the ledger. */
  readonly save?: `${number} ${'before' | 'after'}`
  /** Where the backend is when the product is killed; it goes on with its own work afterwards. */
  readonly backend?: Rule
  /**
   * Copies of each recipient in the end: 1 unless the kill hit the instant in which the backend had
   * taken it unconfirmed.
   */
  readonly copies?: readonly [number, number, number]
  /** Each write of the ledger finds its file busy, and is tried again. */
  readonly busy?: boolean
}

const steps: Record<string, Step> = {
  'before it is written who is being delivered to': { save: '1 before' },
  'after it is written who is being delivered to': { save: '1 after' },
  'before the first text is given to the backend': { backend: { on: 'DATA', nth: 1 } },
  'when the backend has taken the first text': {
    backend: { on: 'dot', nth: 1, takenFirst: true },
    copies: [2, 1, 0],
  },
  'before the first delivery is confirmed': { save: '2 before', copies: [2, 1, 0] },
  'after the first delivery is confirmed': { save: '2 after' },
  'before the second text is given to the backend': { backend: { on: 'DATA', nth: 2 } },
  'when the backend has taken the second text': {
    backend: { on: 'dot', nth: 2, takenFirst: true },
    copies: [1, 2, 0],
  },
  'before the answer is written': { save: '3 before', copies: [1, 2, 0] },
  'after the answer is written, before it is said': { save: '3 after' },
  'before the answer is written, by a ledger that is often busy': {
    save: '3 before',
    copies: [1, 2, 0],
    busy: true,
  },
  'after the answer is written, before it is said, by a ledger that is often busy': {
    save: '3 after',
    busy: true,
  },
  'before the acknowledgement is written': { save: '4 before' },
  'after the acknowledgement is written, before it is said': { save: '4 after' },
  'before the refusal is written': { save: '5 before' },
  'after the refusal is written, before it is said': { save: '5 after' },
}

const preload = path.join(import.meta.dirname, 'kill-at-save.ts')

describe('known-limits.md: “It does the same with a message that some recipients have before the sender knows of it (late, deliver_deferred).” “If Rcptwise is killed at any instant of that, it delivers again only what the mail server took in that instant.”', () => {
  test.each(Object.entries(steps))(
    '%s',
    async (_, { save, backend: rule, copies = [1, 1, 0], busy = false }) => {
      const [reached, goOn] = [
        Promise.withResolvers<undefined>(),
        Promise.withResolvers<undefined>(),
      ]
      await using backend = await startFakeBackend({
        rules:
          rule === undefined
            ? []
            : [{ ...rule, hold: goOn.promise, reached: () => reached.resolve(undefined) }],
      })
      await using home = await Home.make()
      const options = { backendUrl: backend.url, recipients, config }
      const wrapper = [
        'env',
        `RCPTWISE_KILL_AT=${save ?? '0 never'}`,
        `NODE_OPTIONS=--import=${preload}`,
      ]
      if (busy) wrapper.push('RCPTWISE_BUSY=1')
      const sender = senderOf({ from: 's@x.test', to, text })
      const first = await home.serve({ ...options, wrapper })
      if (rule === undefined) {
        for (let i = 0; i < 6 && !first.ended; i++)
          await sender.attempt(first.listeningPort).catch((error: unknown) => {
            throw new Error(`attempt ${i}: ${String(error)}\n${first.output}`)
          })
        await until('it was killed', () => first.ended, { explain: () => first.output })
      } else {
        const attempt = sender.attempt(first.listeningPort)
        await reached.promise
        await first.kill()
        goOn.resolve(undefined)
        await attempt
      }
      expect(sender.open(), 'somebody has no answer yet').not.toEqual([])
      const second = await home.serve(options)
      await untilAnswered(sender, second.listeningPort)
      expect(sender.answered.get('calm@example.org')).toMatch(/^250/)
      expect(sender.answered.get('tag@example.org')).toMatch(/^250/)
      expect(sender.answered.get('strict@example.org')).toMatch(/^550/)
      const all = backend.delivered.flatMap((transaction) => transaction.recipients)
      expect(to.map((recipient) => all.filter((one) => one === `<${recipient}>`).length)).toEqual(
        copies,
      )
    },
    60_000,
  )
})
