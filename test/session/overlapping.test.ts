/**
 * Two transactions at once: a split that others write to while recipients are offered one by one.
 */
import { createHash } from 'node:crypto'
import { expect, test } from 'vitest'
import type { Reply } from '../../src/smtp/reply.ts'
import type { StrategyName } from '../../src/strategy/names.ts'
import { Machine, type MachineOptions, policies, yes } from '../support/machine.ts'
import { MemoryLedger } from '../support/memory-ledger.ts'

const recipients = {
  'ann@example.org': policies.tagOnly,
  'bob@example.org': policies.careful,
  'cho@example.org': policies.strict,
}
const all = Object.keys(recipients)
const spam = { message: 'spam', judgement: { kind: 'judged', score: 9, symbols: [] } } as const
const clean = { message: 'clean', judgement: { kind: 'judged', score: 1, symbols: [] } } as const
const codes = (lines: readonly string[]): string => lines.map((line) => line.slice(0, 3)).join(' ')
const size = ' SIZE=1000'
const later451: Reply = { code: 451, lines: ['4.3.0 Later'] }

function site(later: () => readonly string[] = () => []) {
  const ledger = new MemoryLedger()
  const clock = { now: 1_000_000 }
  const connect = (copies: string[]) => {
    const options: MachineOptions = {
      recipients,
      ledger,
      now: () => clock.now,
      peer: { strategy: 'late' },
      comesBack: { fromMs: 0, toMs: Infinity },
      parameters: size,
      world: {
        deliver: (parcel) => {
          const whom = parcel.recipients.map(({ argument }) => argument.slice(1, -1))
          const own = new Map(
            parcel.recipients
              .filter((_, i) => later().includes(whom[i] ?? ''))
              .map(({ index }) => [index, later451] as const),
          )
          copies.push(...whom.filter((one) => !later().includes(one)))
          return { reply: yes, own }
        },
      },
    }
    return Machine.ready(options)
  }
  return { ledger, clock, connect }
}

test('the return begins between two RCPTs of a clean message: that one is not taken for it', () => {
  const { clock, connect } = site()
  connect([]).message(all, spam)
  clock.now += 600_000
  const copies: string[] = []
  const other = connect(copies)
  other.send(`MAIL FROM:<sender@example.net>${size}`)
  other.send('RCPT TO:<ann@example.org>') // recalls the split as it is before it is taken
  const back = connect([])
  // the return: takes it
  expect(codes(back.envelope('sender@example.net', all, size).rcpts)).toBe('250 250 451')
  const rcpts = [
    ...other.send('RCPT TO:<bob@example.org>'),
    ...other.send('RCPT TO:<cho@example.org>'),
  ]
  other.send('DATA')
  other.text(clean)
  // strategies.md: "no other transaction was taken for this retry and is still under way"
  expect(codes(rcpts)).toBe('250 250')
  expect(
    copies.toSorted(),
    'rules.md: "Whoever waits because of a wrong guess has the message at once"',
  ).toEqual(all)
})

test('a guess over an old copy takes nothing back of what another return has found out in between', () => {
  let trouble: readonly string[] = ['bob@example.org']
  const { clock, connect, ledger } = site(() => trouble)
  const copies: string[] = []
  connect(copies).message(all, spam) // ann has it, bob's delivery is put off, cho refuses
  clock.now += 600_000
  trouble = []
  const other = connect([])
  other.send(`MAIL FROM:<sender@example.net>${size}`)
  other.send('RCPT TO:<ann@example.org>')
  // The return from another host, not taken for one (no SIZE): by its text; bob has it now.
  connect(copies).message(all, spam, '')
  const [split] = ledger.open
  expect(
    split?.recipients.map(({ address, state }) => `${address.slice(0, 3)} ${state}`).toSorted(),
  ).toEqual(['ann delivered', 'bob delivered', 'cho refused'])
  expect(copies).toHaveLength(2)
  other.send('RCPT TO:<bob@example.org>')
  other.send('RCPT TO:<cho@example.org>')
  other.tell({ kind: 'clientLost' }) // another message, whose client goes before its text
  expect(
    ledger.open[0]?.recipients
      .map(({ address, state }) => `${address.slice(0, 3)} ${state}`)
      .toSorted(),
    'the states that the return has written',
  ).toEqual(['ann delivered', 'bob delivered', 'cho refused'])
  clock.now += 600_000
  connect(copies).message(all, spam)
  expect(copies.filter((one) => one === 'bob@example.org')).toHaveLength(1)
})

test('a return that had to wait for an earlier attempt is known by its text alone: what that attempt has found out is no lack of progress (rule 5)', () => {
  const { clock, connect, ledger } = site()
  const hanging = Machine.ready({
    recipients,
    ledger,
    now: () => clock.now,
    peer: { strategy: 'late' },
    world: { deliver: () => undefined },
  })
  hanging.message(all, spam, '')
  clock.now += 1000
  const waiting = Machine.ready({
    recipients,
    ledger,
    now: () => clock.now,
    peer: { strategy: 'late' },
    world: { othersAreDone: () => undefined },
  })
  waiting.message(all, spam, '')
  expect(waiting.session.state).toMatchObject({ at: 'answering', step: { at: 'awaitingOthers' } })
  hanging.tell({ kind: 'delivered', results: [{ reply: yes, own: new Map(), ms: 1 }] })
  const [split] = ledger.splits.values()
  const said = waiting.tell({ kind: 'deliveriesSettled', settled: true, ...(split && { split }) })
  expect(codes(said)).toBe('451')
  expect(ledger.open).toMatchObject([{ idleAttempts: 0, recognised: 1 }])
  clock.now += 1000
  const copies: string[] = []
  const next = connect(copies)
  const { rcpts, text } = next.message(all, spam, '')
  expect([codes(rcpts), codes(text)], 'split, not forgiven').toEqual(['250 250 451', '250'])
  expect(copies).toEqual([])
})

test.each(['inputEnded', 'clientLost'] as const)(
  'who has left (%s), and whose split another attempt has closed meanwhile, opens it no more',
  (how) => {
    const { clock, ledger } = site()
    const identity = { fingerprint: createHash('sha256').update('spam').digest('hex') }
    const spamReply: Reply = { code: 550, lines: ['5.7.1 Spam'] }
    const attempt = (strategy: StrategyName, world: MachineOptions['world']): Machine =>
      Machine.ready({
        recipients,
        ledger,
        now: () => clock.now,
        peer: { strategy },
        session: { lastWord: 'backend' },
        ...(world && { world }),
      })
    const text = { message: 'spam', judgement: { kind: 'silent' } } as const
    const first = attempt('late', { deliver: () => undefined })
    first.message(all, text)
    first.tell({ kind: 'inputEnded', identity })
    /** The server behind refuses it for Cho. */
    const answer = (machine: Machine): void => {
      const parcels = machine.effects.flatMap((effect) =>
        effect.do === 'deliver' ? effect.parcels : [],
      )
      const results = parcels.map(({ recipients: of }) => ({
        reply: of.some(({ argument }) => argument.startsWith('<cho@')) ? spamReply : yes,
        own: new Map<number, Reply>(),
        ms: 1,
      }))
      machine.tell({ kind: 'delivered', results })
    }
    const waits = { othersAreDone: () => undefined }
    const left = attempt('late', { ...waits, deliver: () => undefined })
    left.message(all, text)
    const last = attempt('lenient', waits)
    last.message(all, text)
    clock.now += 1000
    answer(first)
    const settle = (machine: Machine): readonly string[] => {
      const [split] = ledger.splits.values()
      return machine.tell({ kind: 'deliveriesSettled', settled: true, ...(split && { split }) })
    }
    expect(settle(last).join('')).toMatch(/^550 .*only for <cho@example\.org>/)
    last.send('QUIT')
    expect(ledger.open).toEqual([])
    clock.now += 1000
    settle(left)
    left.tell({ kind: how, identity })
    answer(left)
    expect(ledger.open).toEqual([])
    const closed = [first, left, last].flatMap(({ facts }) =>
      facts.filter(({ kind }) => kind === 'splitClosed'),
    )
    expect(closed.length).toBeLessThanOrEqual(1)
  },
)

test('two splits of one message, of which one was out of reach: that its refusals are known by the text alone is no lack of progress (rule 5)', () => {
  const { clock, ledger } = site()
  const copies: string[] = []
  const attempt = (whom: readonly string[], strategy: StrategyName) => {
    const machine = Machine.ready({
      recipients,
      ledger,
      now: () => clock.now,
      peer: { strategy },
      world: {
        deliver: ({ recipients: of }) => {
          copies.push(...of.map(({ argument }) => argument))
          return { reply: yes }
        },
      },
    })
    clock.now += 60_000
    return machine.message(whom, spam)
  }
  expect(codes(attempt(all, 'late').text)).toBe('451')
  const away = [...ledger.splits.values()]
  ledger.splits.clear()
  // Ann has it once more, which the ledger could not know.
  expect(codes(attempt(all, 'group').rcpts)).toBe('250 451 451')
  for (const split of away) ledger.splits.set(split.id, split)
  const others = ['bob@example.org', 'cho@example.org']
  expect(codes(attempt(others, 'late').text)).toBe('451')
  expect(ledger.open).toMatchObject([{ idleAttempts: 0, recognised: 1 }])
  const { rcpts, text } = attempt(others, 'late')
  expect([codes(rcpts), codes(text)], 'split, not forgiven').toEqual(['250 451', '250'])
  expect(copies.filter((one) => one.startsWith('<cho@'))).toEqual([])
})

test('a message is not let through for attempts in vain of another one, whose text nobody has seen (rule 5)', () => {
  const { clock, ledger } = site()
  const farms = { near: '192.0.2.1', far: '192.0.2.99' } as const
  const attempt = (farm: keyof typeof farms, strategy: StrategyName): Machine => {
    clock.now += 60_000
    return Machine.ready({
      recipients,
      ledger,
      now: () => clock.now,
      peer: { strategy },
      farm: farms[farm],
    })
  }
  const gaveUp = attempt('far', 'group')
  gaveUp.envelope('sender@example.net', ['ann@example.org', 'cho@example.org'])
  gaveUp.tell({ kind: 'clientLost' })
  expect(ledger.open).toMatchObject([{ idleAttempts: 1 }])
  expect(codes(attempt('near', 'late').message(all, spam).text)).toBe('451')
  // From the host of the other one, so that it may be that one's return as well.
  const { rcpts, text } = attempt('far', 'late').message([...all].reverse(), spam)
  expect([codes(rcpts), codes(text)]).toEqual(['250 250 250', '451'])
  expect(ledger.open.map(({ forgiven }) => forgiven)).not.toContain(true)
})
