/**
 * Rule 10, one message after the other: whom the server behind had put off in the refused message's
 * last attempt.
 */
import { expect, test } from 'vitest'
import { Machine, policies, yes } from '../support/machine.ts'
import { MemoryLedger } from '../support/memory-ledger.ts'

const recipients = { 'ann@example.org': policies.strict, 'cho@example.org': policies.tagOnly }
const [ann = '', cho = ''] = Object.keys(recipients)
const codes = (lines: readonly string[]): string => lines.map((line) => line.slice(0, 3)).join(' ')

function site() {
  const ledger = new MemoryLedger()
  const clock = { now: 1_000_000 }
  const copies: string[] = []
  const guesses: (string | undefined)[] = []
  /** Offers one recipient after the other. */
  const send = (
    message: string,
    score: number,
    to: readonly string[],
    full: readonly string[] = [],
  ): string => {
    clock.now += 600_000
    const machine = Machine.ready({
      recipients,
      ledger,
      now: () => clock.now,
      peer: { strategy: 'late' },
      comesBack: { fromMs: 0, toMs: Infinity },
      world: {
        rcpt: (one) =>
          full.includes(one)
            ? { code: 452, lines: ['4.2.2 Mailbox full'] }
            : { code: 250, lines: ['2.1.5 Ok'] },
        deliver: (parcel) => {
          copies.push(
            ...parcel.recipients.map(({ argument }) => `${message} ${argument.slice(1, -1)}`),
          )
          return { reply: yes }
        },
      },
    })
    machine.send('MAIL FROM:<sender@example.net> SIZE=1000')
    const rcpts = to.map((one) => machine.send(`RCPT TO:<${one}>`)[0] ?? '')
    machine.send('DATA')
    const text = machine.text({ message, judgement: { kind: 'judged', score, symbols: [] } })
    guesses.push(machine.transactions.at(-1)?.guess)
    return codes([...rcpts, ...text])
  }
  return { ledger, copies, guesses, send }
}

test('who was put off by the server in the last attempt of a refused message gets the next clean ones at once', () => {
  const { send, copies } = site()
  expect(send('spam', 9, [ann, cho], [cho])).toBe('250 452 451')
  const said = [1, 2, 3, 4].map((n) => send(`clean ${n}`, 1, [ann, cho]))
  expect(copies.toSorted(), said.join(' / ')).toEqual(
    [1, 2, 3, 4].flatMap((n) => [`clean ${n} ${ann}`, `clean ${n} ${cho}`]),
  )
})
