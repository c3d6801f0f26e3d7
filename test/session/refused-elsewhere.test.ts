/** Rule 6: a refusal at RCPT in one message takes nothing back of what is kept of another one. */
import { expect, test } from 'vitest'
import { Machine, policies, yes } from '../support/machine.ts'
import { MemoryLedger } from '../support/memory-ledger.ts'

const recipients = {
  'ann@example.org': policies.tagOnly,
  'bob@example.org': policies.careful,
  'cho@example.org': policies.strict,
}
const [ann = '', bob = '', cho = ''] = Object.keys(recipients)
const scored = (score: number) => ({ kind: 'judged', score, symbols: [] }) as const
const codes = (lines: readonly string[]): string => lines.map((line) => line.slice(0, 3)).join(' ')

test('the mailbox of who has a split message is full (552) for another message, and free again for the retry: it is not delivered again', () => {
  const ledger = new MemoryLedger()
  const copies: string[] = []
  interface Sent {
    readonly message: string
    readonly score: number
    readonly to: string[]
    readonly full?: string[]
    readonly parameters: string
  }
  const send = ({ message, score, to, full = [], parameters }: Sent): string => {
    const machine = Machine.ready({
      recipients,
      ledger,
      peer: { strategy: 'late' },
      parameters,
      world: {
        rcpt: (one) =>
          full.includes(one)
            ? { code: 552, lines: ['5.2.2 Mailbox full'] }
            : { code: 250, lines: ['2.1.5 Ok'] },
        deliver: (parcel) => {
          copies.push(
            ...parcel.recipients.map(({ argument }) => `${message} ${argument.slice(1, -1)}`),
          )
          return { reply: yes }
        },
      },
    })
    const { rcpts, text } = machine.message(to, { message, judgement: scored(score) })
    return codes([...rcpts, ...text])
  }
  const spam = { message: 'spam', score: 9, to: [ann, bob, cho], parameters: ' SIZE=1000' }
  const other = { message: 'other', score: 1, to: [ann, bob], full: [ann], parameters: ' SIZE=77' }
  expect(send(spam)).toBe('250 250 250 451')
  expect(send(other)).toBe('552 250 250')
  send(spam)
  expect(copies.filter((one) => one === `spam ${ann}`)).toHaveLength(1)
})
