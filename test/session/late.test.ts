/**
 * `late`: everyone goes through; a message is split only when its verdicts differ, and nobody who
 * accepts waits for it.
 */
import { describe, expect, test } from 'vitest'
import type { Reply } from '../../src/smtp/reply.ts'
import { knownSender, Machine, type MachineOptions, policies, yes } from '../support/machine.ts'

const recipients = {
  'tag@example.org': policies.tagOnly,
  'careful@example.org': policies.careful,
  'strict@example.org': policies.strict,
}
const all = Object.keys(recipients)
const [tag = '', careful = '', strict = ''] = all
const scored = (score: number) => ({ judgement: { kind: 'judged', score, symbols: [] } }) as const

const late = (options: MachineOptions = {}): Machine =>
  Machine.ready({
    ...knownSender,
    recipients,
    ...options,
    peer: { strategy: 'late', ...options.peer },
  })

/** Whom the backend has taken it for, by parcel. */
const taken = (machine: Machine): string[][] =>
  machine.parcels.map((parcel) => parcel.recipients.map(({ argument }) => argument.slice(1, -1)))
const codes = (lines: readonly string[]): string => lines.map((line) => line.slice(0, 3)).join(' ')

describe('late', () => {
  test.each([
    ['all accept it', 1, '250'],
    ['one tags, the others too', 7, '250'],
    ['all refuse it', 20, '250'],
  ])(
    '%s: strategies.md: “Rcptwise judges the text for every recipient.” “If all get the same answer, Rcptwise gives that answer and writes nothing down.”',
    (_name, score) => {
      const machine = late({
        recipients: { ...recipients, [tag]: policies.careful, [strict]: policies.careful },
      })
      const { rcpts, text } = machine.message(all, scored(score))
      expect(codes(rcpts)).toBe('250 250 250')
      expect(codes(text)).toBe(score === 20 ? '550' : '250')
      expect(machine.ledger.splits.size).toBe(0)
    },
  )

  test('they differ: strategies.md: “Otherwise the recipients who accept have the message when the sender reads its 451.” “The ledger knows the message by its fingerprint.” “On the retry everyone but the refused goes through, and Rcptwise acknowledges them without a second delivery.” “It defers the refused ones once more.” “The refused ones get their 5yz when they are alone (rule 2).” “Under late Rcptwise defers only recipients who would refuse the message.”', () => {
    const machine = late()
    const first = machine.message(all, scored(9))
    expect(codes(first.rcpts)).toBe('250 250 250')
    expect(first.text).toEqual([expect.stringMatching(/^451 4\.5\.3 .*retry=00:01:00$/)])
    expect(taken(machine)).toEqual([[tag, careful]])
    expect(machine.ledger.open[0]?.recipients.map(({ state }) => state).toSorted()).toEqual([
      'delivered',
      'delivered',
      'refused',
    ])
    const second = machine.message(all, scored(9))
    expect(codes(second.rcpts)).toBe('250 250 451')
    expect(codes(second.text)).toBe('250')
    // Counted as what they got, and not as what the retry was.
    expect(machine.transactions[1]?.recipients.map(({ verdict }) => verdict)).toEqual([
      'tag',
      'tag',
      'reject',
    ])
    const third = machine.message([strict], scored(9))
    expect(codes(third.rcpts)).toBe('250')
    expect(third.text[0]).toMatch(/^550 5\.7\.1 .*strict@example\.org/)
    expect(taken(machine), 'delivered once').toEqual([[tag, careful]])
    expect(machine.ledger.open).toEqual([])
  })

  test('the refusal is the one of the first attempt, whatever the judge says now', () => {
    const machine = late()
    machine.message(all, scored(9))
    machine.message(all, scored(0))
    expect(codes(machine.message([strict], scored(0)).text)).toBe('550')
  })

  test('the retry comes from another host, one recipient at a time', () => {
    const machine = late()
    machine.message(all, scored(9))
    const answers = all.map((one) => {
      const other = late({ ledger: machine.ledger })
      const { rcpts, text } = other.message([one], scored(9))
      expect(taken(other)).toEqual([])
      return codes([...rcpts, ...text])
    })
    expect(answers).toEqual(['250 250', '250 250', '250 550'])
    expect(machine.ledger.open).toEqual([])
  })

  test('a sender that drops everything at the first 4yz RCPT is let through', () => {
    const machine = late()
    machine.message(all, scored(9))
    machine.send(
      'MAIL FROM:<sender@example.net> SIZE=1000',
      ...all.map((one) => `RCPT TO:<${one}>`),
    )
    machine.send('RSET')
    const { rcpts, text } = machine.message(all, scored(9))
    expect(codes([...rcpts, ...text])).toBe('250 250 250 250')
    expect(taken(machine)).toEqual([[tag, careful], [strict]])
    expect(machine.parcels.at(-1)?.result, 'marked, since it would have been refused').toBe(
      'tagged',
    )
  })

  test('an address that the backend refuses is concealed with everyone at RCPT, and refused when it is alone', () => {
    const machine = late({
      session: { unknownRecipients: 'conceal' },
      world: {
        rcpt: (address) =>
          address === strict
            ? { code: 550, lines: ['5.1.1 Unknown'] }
            : { code: 250, lines: ['2.1.5 Ok'] },
      },
    })
    const { rcpts, text } = machine.message(all, scored(1))
    expect(codes([...rcpts, ...text])).toBe('250 250 250 451')
    expect(codes(machine.message(all, scored(1)).rcpts)).toBe('250 250 451')
    expect(machine.message([strict], scored(1)).text).toEqual(['550 5.1.1 Unknown'])
  })

  test('a PRDR client is answered at once', () => {
    const machine = late()
    expect(codes(machine.message(all, scored(9), ' PRDR').text)).toBe('353 250 250 550 250')
    expect(machine.ledger.splits.size).toBe(0)
  })

  test('README.md: “Then Rcptwise sends each group of recipients to Postfix in a transaction of its own” The judge is the backend, and its words come when the refused one is alone', () => {
    const no: Reply = { code: 554, lines: ['5.7.1 Not here'] }
    const machine = late({
      session: { lastWord: 'backend' },
      world: {
        deliver: ({ recipients: [first] }) => ({
          reply: first?.argument === `<${strict}>` ? no : yes,
        }),
      },
    })
    expect(codes(machine.message(all).text)).toBe('451')
    expect(codes(machine.message(all).text)).toBe('250')
    expect(machine.message([strict]).text).toEqual(['554 5.7.1 Not here'])
    expect(taken(machine), 'the refused group was not shown again').toEqual([
      [tag],
      [careful],
      [strict],
    ])
  })
})

describe('auto, for a message that divides its recipients: strategies.md: “Without them Rcptwise asks SPF and DKIM itself”', () => {
  const chosen = { sender: 'example.net', why: 'a test' }
  const asked = (machine: Machine): number =>
    machine.effects.filter((effect) => effect.do === 'vouch').length

  test.each([
    ['SPF or DKIM vouches for it: as was learned', true, '250'],
    ['nobody does: late, whoever it says it is', false, '451'],
  ])('%s', (_name, vouched, code) => {
    const machine = late({
      peer: { strategy: 'lenient', unvouchedAs: 'late', chosen },
      world: { vouch: () => vouched },
    })
    expect(codes(machine.message(all, scored(9)).text)).toBe(code)
    expect(asked(machine)).toBe(1)
    expect(machine.transactions[0]?.vouched).toBe(vouched)
  })

  test('strategies.md: “It asks once for each message that divides its recipients, so that mail on which everyone agrees never waits for it.”', () => {
    const machine = late({ peer: { chosen, unvouchedAs: 'late' }, world: { vouch: () => true } })
    expect(codes(machine.message(all, { message: 'ham', ...scored(1) }).text)).toBe('250')
    expect(asked(machine)).toBe(0)
    machine.message(all, scored(9))
    expect(asked(machine)).toBe(1)
    expect(machine.ledger.open[0]?.vouched).toBe(true)
    machine.message(all, scored(9))
    machine.message([strict], scored(9))
    expect(asked(machine)).toBe(1)
  })
})
