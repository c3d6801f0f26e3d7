/** Never split: the site's own networks, and no message over more than max_forced_retries. */
import { describe, expect, test } from 'vitest'
import { Machine, policies } from '../support/machine.ts'

const spam = { judgement: { kind: 'judged', score: 9, symbols: [] } } as const
const ok = { code: 250, lines: ['2.1.5 Ok'] as [string] }
const many = Array.from({ length: 20 }, (_, i) => `r${i}@example.org`)

describe('rules.md: “Rcptwise never splits mail of clients in trusted or with AUTH, and no message over more than max_forced_retries (16).” “Rcptwise serves those as in rule 5.”', () => {
  test.each(['group', 'single'] as const)(
    "trusted clients, whatever the strategy (%s): strategies.md: “Put your own users' submission servers and your own networks into trusted: Rcptwise never splits their mail.”",
    (strategy) => {
      const recipients = { 'a@example.org': policies.tagOnly, 'b@example.org': policies.strict }
      const machine = Machine.ready({ recipients, peer: { strategy }, trusted: true })
      const said = machine.message(['a@example.org', 'b@example.org'], spam)
      expect(said.rcpts.map((line) => line.slice(0, 3))).toEqual(['250', '250'])
      expect(said.text[0]).toMatch(/^250/)
      expect(machine.parcels).toMatchObject([
        { result: 'tagged', recipients: [{ index: 0 }, { index: 1 }] },
      ])
      expect(machine.transactions).toMatchObject([{ unsplit: 'trusted' }])
    },
  )

  test.each([
    [16, 17],
    [3, 4],
    [1, 2],
  ])(
    'over more than %d forced retries: attempt %d takes everyone who is left',
    (maxForcedRetries, last) => {
      const machine = Machine.ready({ peer: { strategy: 'single', maxForcedRetries } })
      let open = many
      let attempts = 0
      while (open.length > 0 && attempts < 40) {
        attempts++
        const { rcpts, text } = machine.message(open)
        expect(text[0]).toMatch(/^250/)
        open = open.filter((_, i) => rcpts[i]?.startsWith('250') !== true)
      }
      expect(attempts).toBe(last)
      expect(machine.transactions.at(-1)).toMatchObject({ unsplit: 'too many retries' })
      expect(machine.parcels.flatMap((parcel) => parcel.recipients)).toHaveLength(many.length)
    },
  )

  test('rules.md: “An attempt that the sender has to repeat anyway, such as for a full mailbox, does not count if only recipients who refuse the message wait with it.”', () => {
    const full = { code: 452, lines: ['4.2.2 Mailbox full'] as [string] }
    const machine = Machine.ready({
      peer: { strategy: 'late' },
      recipients: { 'strict@example.org': policies.strict },
      world: { rcpt: (address) => (address.startsWith('full') ? full : ok) },
    })
    const to = ['full@example.org', 'strict@example.org']
    for (let n = 0; n < 40; n++) expect(machine.message(to, spam).text[0] ?? '').toMatch(/^451|^$/)
    expect(machine.parcels).toEqual([])
    expect(machine.transactions.every(({ unsplit }) => unsplit === undefined)).toBe(true)
  })

  test('deferrals of a message whose sender never sends a text count as well', () => {
    const machine = Machine.ready({
      peer: { strategy: 'single', maxForcedRetries: 2, forgiveAfter: 100 },
    })
    for (let i = 0; i < 2; i++) {
      machine.send('MAIL FROM:<sender@example.net>', ...many.map((to) => `RCPT TO:<${to}>`))
      machine.send('RSET')
    }
    expect(machine.message(many).rcpts.every((line) => line.startsWith('250'))).toBe(true)
  })
})
