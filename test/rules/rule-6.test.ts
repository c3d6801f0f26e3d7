/**
 * No duplicates: who has the message is acknowledged on the retry without a second delivery, for as
 * long as the split is open.
 */
import { describe, expect, test } from 'vitest'
import type { Reply } from '../../src/smtp/reply.ts'
import { Machine, type MachineOptions, policies, yes } from '../support/machine.ts'

const later: Reply = { code: 451, lines: ['4.3.0 Not now'] }
const recipients = {
  'a@example.org': policies.tagOnly,
  'b@example.org': policies.boxed,
  'c@example.org': policies.tagOnly,
}
const all = Object.keys(recipients)
const spam = { judgement: { kind: 'judged', score: 9, symbols: [] } } as const

/** Two parcels, of which the backend takes only the first one as often as it is told. */
function partly(options: MachineOptions = {}): { machine: Machine; copies: () => string[] } {
  let fails = 1
  const machine = Machine.ready({
    recipients,
    peer: { strategy: 'lenient' },
    session: { quarantine: 'box@example.org' },
    world: {
      deliver: ({ result }) => ({ reply: result === 'quarantined' && fails-- > 0 ? later : yes }),
    },
    ...options,
  })
  const copies = (): string[] =>
    machine.parcels
      .filter(({ reply }) => reply.code === 250)
      .flatMap((parcel) => parcel.recipients.map(({ argument }) => argument))
      .sort()
  return { machine, copies }
}

function fingerprintOf({ session: { oracle } }: Machine): { readonly fingerprint: string } {
  const identity = oracle.identify()
  if (identity === undefined) throw new Error('it has no text')
  return { fingerprint: identity.fingerprint }
}

describe('rules.md: “No duplicates.”', () => {
  test("rules.md: “On the retry Rcptwise acknowledges a recipient who has the message already, without a second delivery, for as long as the split is open.” “Rcptwise knows such a recipient by the fingerprint of the message, the reverse-path and the recipient's address.”", () => {
    const { machine, copies } = partly()
    expect(machine.message(all, spam).text).toEqual([expect.stringMatching(/^451 4\.5\.3 /)])
    expect(machine.message(all, spam).text[0]).toMatch(/^250/)
    expect(copies()).toEqual(['<a@example.org>', '<box@example.org>', '<c@example.org>'])
    expect(machine.transactions.at(-1)?.recipients.map(({ duplicate }) => duplicate)).toEqual([
      true,
      undefined,
      true,
    ])
    expect(machine.ledger.open).toEqual([])
  })

  test.each(['FIN', 'RST'] as const)(
    'an attempt that was left by %s while it waited for an earlier one owes nobody an answer whom a later attempt has given it',
    (how) => {
      let at = 1_000_000
      const now = (): number => (at += 1000)
      const both = ['a@example.org', 'c@example.org']
      const base = { recipients, now, peer: { strategy: 'late' } } as const
      const first = Machine.ready({ ...base, world: { deliver: () => undefined } })
      const { ledger } = first
      first.message(both, spam)
      expect(first.session.state).toMatchObject({ at: 'answering', step: { at: 'delivering' } })
      const { fingerprint } = fingerprintOf(first)
      first.tell({ kind: 'clientLost', identity: { fingerprint } })
      const waiting = Machine.ready({ ...base, ledger, world: { othersAreDone: () => undefined } })
      waiting.message(both, spam)
      first.tell({ kind: 'delivered', results: [{ reply: yes, own: new Map(), ms: 1 }] })
      expect(ledger.open).toMatchObject([{ recipients: both.map(() => ({ state: 'delivered' })) }])
      const later = Machine.ready({ ...base, ledger })
      expect(later.message(both, spam).text[0]).toMatch(/^250/)
      expect(ledger.open, 'heard').toEqual([])
      if (how === 'FIN') waiting.tell({ kind: 'inputEnded', identity: { fingerprint } })
      waiting.goesOn = false
      const [split] = ledger.splits.values()
      waiting.tell({ kind: 'deliveriesSettled', settled: true, ...(split && { split }) })
      if (how === 'RST') waiting.tell({ kind: 'clientLost' })
      expect(ledger.open).toEqual([])
      expect([...waiting.parcels, ...later.parcels]).toEqual([])
    },
  )

  test.each([
    { code: 552, lines: ['5.2.2 Mailbox full'] },
    { code: 452, lines: ['4.2.2 Mailbox full'] },
  ] satisfies Reply[])(
    'who has the message and whose mailbox it has filled is acknowledged all the same: %o',
    (full) => {
      let isFull = false
      const taken: string[] = []
      const who = ['a@example.org', 'd@example.org']
      const late = (
        text: Parameters<Machine['message']>[1],
        to: readonly string[],
        ledger?: Machine['ledger'],
      ) => {
        const machine = Machine.ready({
          recipients: { ...recipients, 'd@example.org': policies.strict },
          peer: { strategy: 'late' },
          world: {
            rcpt: (address) =>
              isFull && address === 'a@example.org' ? full : { code: 250, lines: ['2.1.5 Ok'] },
            deliver: (parcel) => {
              taken.push(...parcel.recipients.map(({ argument }) => argument))
              return { reply: yes }
            },
          },
          ...(ledger === undefined ? {} : { ledger }),
        })
        const said = machine.message(to, text)
        return {
          ledger: machine.ledger,
          codes: [...said.rcpts, ...said.text].map((line) => line.slice(0, 3)).join(' '),
        }
      }
      const { ledger } = late(spam, who)
      isFull = true
      expect(late(spam, who, ledger).codes, 'known by its text').toBe('250 250 451')
      expect(late(spam, who, ledger).codes).toBe('250 451 250')
      expect(late(spam, ['d@example.org'], ledger).codes).toBe('250 550')
      expect(taken).toEqual(['<a@example.org>'])
      expect(ledger.open).toEqual([])
    },
  )

  test.each([yes, later])(
    'whose mailbox is filled by an attempt that is still at it is told after that: %o',
    (came) => {
      const both = ['a@example.org', 'c@example.org']
      const base = { recipients, peer: { strategy: 'late' } } as const
      const first = Machine.ready({ ...base, world: { deliver: () => undefined } })
      const { ledger } = first
      first.message(both, spam)
      first.tell({ kind: 'clientLost', identity: fingerprintOf(first) })
      const full: Reply = { code: 552, lines: ['5.2.2 Mailbox full'] }
      const again = Machine.ready({
        ...base,
        ledger,
        world: {
          rcpt: (address) => (address === 'a@example.org' ? full : yes),
          othersAreDone: () => undefined,
        },
      })
      const said = again.message(both, spam)
      expect(said.rcpts.map((reply) => reply.slice(0, 3))).toEqual(['250', '250'])
      first.tell({ kind: 'delivered', results: [{ reply: came, own: new Map(), ms: 1 }] })
      const [split] = ledger.splits.values()
      const told = again.tell({
        kind: 'deliveriesSettled',
        settled: true,
        ...(split && { split }),
      })
      expect(told[0]).toMatch(came === yes ? /^250 / : /^4/)
      expect(again.parcels.flatMap((parcel) => parcel.recipients)).toHaveLength(
        came === yes ? 0 : 1,
      )
    },
  )

  test('another message to a mailbox that is full: they hear it, and the others have it once', () => {
    for (const full of [
      { code: 552, lines: ['5.2.2 Mailbox full'] },
      { code: 452, lines: ['4.2.2 Mailbox full'] },
    ] satisfies Reply[]) {
      let isFull = false
      const taken: string[] = []
      const machine = Machine.ready({
        recipients: { ...recipients, 'd@example.org': policies.strict },
        peer: { strategy: 'late' },
        world: {
          rcpt: (address) =>
            isFull && address === 'a@example.org' ? full : { code: 250, lines: ['2.1.5 Ok'] },
          deliver: (parcel) => {
            taken.push(...parcel.recipients.map(({ argument }) => argument))
            return { reply: yes }
          },
        },
      })
      machine.message(['a@example.org', 'd@example.org'], spam)
      isFull = true
      taken.length = 0
      const clean = {
        message: 'clean',
        judgement: { kind: 'judged', score: 0, symbols: [] },
      } as const
      const heard: string[] = []
      let open = ['a@example.org', 'd@example.org']
      for (let n = 0; n < 4 && open.length > 0; n++) {
        const said = machine.message(open, clean)
        heard.push(...said.rcpts, ...said.text)
        const final =
          said.text[0]?.startsWith('2') === true || said.text[0]?.startsWith('5') === true
        open = open.filter(
          (_, at) =>
            !(
              said.rcpts[at]?.startsWith('5') === true ||
              (final && said.rcpts[at]?.startsWith('250') === true)
            ),
        )
      }
      expect(taken).toEqual(['<d@example.org>'])
      expect(
        heard.some((line) => line.includes('Mailbox full')),
        String(full.code),
      ).toBe(true)
      expect(open, heard.join(' / ')).toEqual(full.code === 452 ? ['a@example.org'] : [])
    }
  })

  test('known-limits.md: “Rcptwise repeats an acknowledgement without a second delivery until the sender goes on after it.” “So a sender that leaves before it reads this acknowledgement does not get the message delivered again.”', () => {
    const machine = Machine.ready({ recipients, peer: { strategy: 'off' } })
    const attempt = (how: 'leaves at the dot' | 'does not go on' | 'goes on'): string => {
      const again = Machine.ready({ recipients, peer: { strategy: 'off' }, ledger: machine.ledger })
      again.leavesAfterDot = how === 'leaves at the dot'
      again.goesOn = how === 'goes on'
      const said = again.message(['a@example.org'], spam).text[0] ?? ''
      if (how === 'does not go on') again.tell({ kind: 'clientLost' })
      return `${said.slice(0, 3)} ${again.parcels.length}`
    }
    expect(attempt('leaves at the dot'), 'gone while it is delivered').toBe(' 1')
    for (let n = 0; n < 3; n++)
      expect(attempt('does not go on'), 'acknowledged, and nobody reads it').toBe('250 0')
    expect(attempt('goes on')).toBe('250 0')
    expect(machine.ledger.open).toEqual([])
    expect(attempt('goes on'), 'a later, deliberate resend').toBe('250 1')
  })

  test('a later, deliberate resend is delivered', () => {
    const { machine, copies } = partly()
    machine.message(all, spam)
    machine.message(all, spam)
    machine.message(all, spam)
    expect(copies()).toHaveLength(6)
  })

  test('another message of the same sender to the same people is no duplicate', () => {
    const { machine, copies } = partly()
    machine.message(all, spam)
    expect(machine.message(all, { ...spam, message: 'another' }).text[0]).toMatch(/^250/)
    expect(copies()).toHaveLength(5)
    machine.message(all, spam)
    expect(copies()).toHaveLength(6)
  })

  test('rules.md: “The key holds no client address, since large senders retry from other hosts.”', () => {
    const { machine, copies } = partly()
    machine.message(all, spam)
    const other = Machine.ready({
      recipients,
      ledger: machine.ledger,
      peer: { strategy: 'lenient' },
      session: { quarantine: 'box@example.org' },
    })
    expect(other.message(all, spam).text[0]).toMatch(/^250/)
    expect(copies()).toHaveLength(2)
    expect(other.parcels.map((parcel) => parcel.recipients.map(({ index }) => index))).toEqual([
      [1],
    ])
  })

  test.each(['group', 'single', 'off'] as const)(
    'the strategy was switched to %s meanwhile',
    (strategy) => {
      const { machine, copies } = partly()
      machine.message(all, spam)
      let open = all
      for (let i = 0; i < 5 && open.length > 0; i++) {
        const next = Machine.ready({
          recipients,
          ledger: machine.ledger,
          peer: { strategy },
          session: { quarantine: 'box@example.org' },
        })
        const said = next.message(open, spam)
        const ok = said.text[0]?.startsWith('250') === true
        open = open.filter((_, at) => !(ok && said.rcpts[at]?.startsWith('250') === true))
        machine.parcels.push(...next.parcels)
      }
      expect(open).toEqual([])
      expect(copies()).toHaveLength(3)
    },
  )

  test('the retry asks for PRDR', () => {
    const { machine, copies } = partly()
    machine.message(all, spam)
    expect(machine.message(all, spam, ' PRDR').text.map((line) => line.slice(0, 3))).toEqual([
      '250',
    ])
    expect(copies()).toHaveLength(3)
  })

  test('some others come first on the retry, whom the split does not know', () => {
    const { machine, copies } = partly()
    machine.message(all, spam)
    const extra = ['x@example.org', 'y@example.org', ...all]
    const single = Machine.ready({
      recipients,
      ledger: machine.ledger,
      peer: { strategy: 'single' },
      session: { quarantine: 'box@example.org' },
    })
    single.send('MAIL FROM:<sender@example.net>')
    const first = extra.map((to) => single.send(`RCPT TO:<${to}>`)[0] ?? '')
    single.send('DATA')
    expect(single.text(spam)[0]).toMatch(/^250/)
    let open = extra.filter((_, i) => first[i]?.startsWith('250') !== true)
    for (let i = 0; i < 10 && open.length > 0; i++) {
      const said = single.message(open, spam)
      const ok = said.text[0]?.startsWith('250') === true
      open = open.filter((_, at) => !(ok && said.rcpts[at]?.startsWith('250') === true))
    }
    machine.parcels.push(...single.parcels)
    expect(open).toEqual([])
    expect(copies()).toEqual([...new Set(copies())])
    expect(machine.ledger.open).toEqual([])
  })

  test('without a text nothing is known of a message, so nothing is held for a duplicate of it', () => {
    const refused = new Map([[1, later]])
    let first = true
    const machine = Machine.ready({
      world: {
        deliver: () => {
          const answer = first ? { reply: yes, own: refused } : { reply: yes }
          first = false
          return answer
        },
      },
    })
    const pair = ['a@example.org', 'b@example.org']
    expect(machine.message(pair, { message: 'one' }).text).toEqual([
      expect.stringMatching(/^451 4\.5\.3 /),
    ])
    expect(machine.message(pair, { message: 'two' }).text[0]).toMatch(/^250/)
    expect(machine.parcels.at(-1)?.recipients.map(({ index }) => index)).toEqual([0, 1])
    machine.message(pair, { message: 'one' })
    expect(machine.parcels.at(-1)?.recipients.map(({ index }) => index)).toEqual([1])
  })

  test('one address twice in a transaction is one recipient for the split', () => {
    const machine = Machine.ready({ recipients, peer: { strategy: 'single' } })
    const twice = ['a@example.org', 'a@example.org']
    expect(machine.message(twice).rcpts.map((line) => line.slice(0, 3))).toEqual(['250', '250'])
    expect(machine.ledger.open).toEqual([])
  })
})
