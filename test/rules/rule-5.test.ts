/** No sender starves: a message that makes no progress is let through unsplit. */
import { describe, expect, test } from 'vitest'
import { startSplit } from '../../src/split/split-course.ts'
import { whyUnsplit } from '../../src/split/unsplit.ts'
import { found } from '../support/found.ts'
import { defaultPeer, Machine, type MachineOptions, policies, yes } from '../support/machine.ts'

const recipients = { 'a@example.org': policies.tagOnly, 'b@example.org': policies.strict }
const both = ['a@example.org', 'b@example.org']
const spam = { judgement: { kind: 'judged', score: 9, symbols: [] } } as const

/** Drops the whole message at the first 4yz at RCPT (senders: nullmailer). */
function dropping(machine: Machine): string {
  machine.send('MAIL FROM:<sender@example.net>')
  for (const to of both) {
    const [said = ''] = machine.send(`RCPT TO:<${to}>`)
    if (!said.startsWith('250')) {
      machine.send('RSET')
      return said
    }
  }
  machine.send('DATA')
  return machine.text(spam)[0] ?? ''
}

describe('rules.md: “No sender starves.” “When a message makes no progress, Rcptwise forgives it: its next attempt goes through unsplit, as forgive_as says (lenient).”', () => {
  test.each<[string, Partial<MachineOptions>, string[], string[]]>([
    ['as lenient', {}, ['451', '250'], ['tagged']],
    ['as off', { peer: { forgiveAs: 'off' } }, ['451', '250'], ['tagged']],
    ['after three', { peer: { forgiveAfter: 3 } }, ['451', '451', '451', '250'], ['tagged']],
    [
      'to quarantine',
      { peer: { lenientAs: 'quarantine' }, session: { quarantine: 'box@example.org' } },
      ['451', '250'],
      ['tagged', 'quarantined'],
    ],
    ['single', { peer: { strategy: 'single' } }, ['451', '250'], ['tagged']],
  ])(
    'README.md: “Rcptwise lets a message through when its sender makes no progress.” One that drops everything at the first 4yz: %s',
    (_name, options, codes, results) => {
      const machine = Machine.ready({ recipients, ...options })
      expect(codes.map(() => dropping(machine).slice(0, 3))).toEqual(codes)
      expect(machine.parcels.map(({ result }) => result)).toEqual(results)
      expect(machine.transactions.at(-1)).toMatchObject({ unsplit: 'forgiven' })
      expect([...machine.ledger.splits.values()]).toMatchObject([
        { status: 'forgiven', forgiven: true },
      ])
    },
  )

  test('a client that leaves instead of RSET', () => {
    const machine = Machine.ready({ recipients })
    machine.send('MAIL FROM:<sender@example.net>', ...both.map((to) => `RCPT TO:<${to}>`))
    machine.tell({ kind: 'clientLost' })
    const again = Machine.ready({ recipients, ledger: machine.ledger })
    expect(again.message(both, spam).rcpts.map((line) => line.slice(0, 3))).toEqual(['250', '250'])
  })

  // Only the sender's own leaving is a sign of one that can't be split.
  test.each([
    ['before the text', () => undefined],
    ['in the text', (machine: Machine) => machine.send('DATA')],
  ])(
    'rules.md: “An attempt that Rcptwise breaks off itself, as it ends, does not count.” %s',
    (_, further) => {
      const machine = Machine.ready({ recipients })
      machine.send('MAIL FROM:<sender@example.net>', ...both.map((to) => `RCPT TO:<${to}>`))
      further(machine)
      machine.tell({ kind: 'brokenOff' })
      expect(machine.facts.at(-1)).toMatchObject({ kind: 'sessionClosed', why: 'shutdown' })
      expect([...machine.ledger.splits.values()]).toMatchObject([
        { status: 'open', idleAttempts: 0 },
      ])
      const again = Machine.ready({ recipients, ledger: machine.ledger })
      const codes = again.message(both, spam).rcpts.map((line) => line.slice(0, 3))
      expect(codes.toSorted(), 'split as before').toEqual(['250', '451'])
    },
  )

  test('attempts in which nobody went through count, also with 554 to DATA', () => {
    const machine = Machine.ready({
      recipients: {
        'a@example.org': policies.strict,
        'b@example.org': policies.strict,
        'c@example.org': policies.tagOnly,
      },
    })
    // strict is kept back, c waits
    machine.message(['a@example.org', 'b@example.org', 'c@example.org'], spam)
    for (let i = 0; i < 20; i++) {
      const { text } = machine.message(['a@example.org', 'b@example.org'], spam)
      if (text[0]?.startsWith('5') === true) return
    }
    throw new Error('a and b are never answered')
  })

  test.each([
    [
      '451 after the text',
      { deliver: () => ({ reply: { code: 451, lines: ['4.7.1 Greylisted'] as [string] } }) },
      {},
    ],
    ['no judgement in time', {}, { fault: 'time' as const }],
    ['a full disk', {}, { fault: 'spool' as const }],
  ])('trouble is no sign of a sender that can not be split: %s', (_name, world, text) => {
    const machine = Machine.ready({ recipients, world })
    for (let i = 0; i < 3; i++) {
      const said = machine.message(both, text)
      const codes = said.rcpts.map((line) => line.slice(0, 3))
      expect(codes).toEqual(i % 2 === 0 ? ['250', '451'] : ['451', '250'])
      expect(said.text[0]).toMatch(/^45[12]/)
    }
    expect(machine.ledger.open).toMatchObject([{ idleAttempts: 0, forgiven: false }])
  })

  test('an older message that nobody sends any more does not starve a new one', () => {
    const machine = Machine.ready({ recipients })
    machine.message(both, { ...spam, message: 'old' }) // and never again
    const codes: string[] = []
    let open = both
    for (let i = 0; i < 6 && open.length > 0; i++) {
      const said = machine.message(open, { ...spam, message: 'new' })
      const text = said.text[0] ?? ''
      codes.push(text.slice(0, 3))
      open = open.filter((_, at) => !(/^2/.test(said.rcpts[at] ?? '') && /^[25]/.test(text)))
    }
    expect(open, codes.join(' ')).toEqual([])
  })

  test.each<[string, string[], readonly string[], string]>([
    ['the same people', [], ['a', 'b'], 'forgiven'],
    ['the same people and more behind them', [], ['a', 'b', 'c'], 'forgiven'],
    ['somebody else among them', [], ['a', 'c', 'b'], 'split'],
    ['in another order', [], ['b', 'a'], 'split'],
    ['some of them', [], ['b'], 'whole'],
    ['the same people, whose text was seen', ['text'], ['a', 'b'], 'forgiven'],
    ['in another order, whose text was seen', ['text'], ['b', 'a'], 'forgiven'],
    ['somebody else before them, whose text was seen', ['text'], ['c', 'a', 'b'], 'split'],
  ])(
    'rules.md: “The sender may never show the text, so Rcptwise forgives the next transaction that offers the same people first and in the same order.” “Rcptwise lets no message with other people through for its sake.”: %s',
    (_name, seen, to, served) => {
      const machine = Machine.ready({
        recipients: { ...recipients, 'c@example.org': policies.strict },
      })
      const greylisted = { code: 451, lines: ['4.7.1 Greylisted'] as [string] }
      const first = Machine.ready({
        recipients,
        ledger: machine.ledger,
        world: { deliver: () => ({ reply: greylisted }) },
      })
      seen.forEach((message) => first.message(both, { ...spam, message }))
      dropping(Machine.ready({ recipients, ledger: machine.ledger }))
      machine.send('MAIL FROM:<sender@example.net>')
      const said = to.map((one) => machine.send(`RCPT TO:<${one}@example.org>`)[0] ?? '')
      const waits = said.some((reply) => reply.startsWith('451'))
      machine.send('RSET')
      const forgiven = machine.transactions.at(-1)?.unsplit === 'forgiven'
      expect(forgiven ? 'forgiven' : waits ? 'split' : 'whole').toBe(served)
    },
  )

  test.each([[['a']], [['c', 'a']], [['b', 'c']]])(
    'nor does another message take its place, whose split would wait for people whom nobody offers: %s',
    (to) => {
      const machine = Machine.ready({
        recipients: { ...recipients, 'c@example.org': policies.strict },
      })
      const { ledger } = machine
      dropping(Machine.ready({ recipients, ledger }))
      let open = to.map((one) => `${one}@example.org`)
      for (let n = 0; n < 5 && open.length > 0; n++) {
        const said = machine.message(open, { ...spam, message: 'another' })
        const final = /^[25]/.test(said.text[0] ?? '')
        open = open.filter((_, i) => !final || said.rcpts[i]?.startsWith('250') !== true)
      }
      expect(open).toEqual([])
      expect(ledger.open, 'of the first message').toMatchObject([
        { recipients: both.map((address) => ({ address, state: 'waiting' })) },
      ])
      expect(dropping(Machine.ready({ recipients, ledger }))).toMatch(/^250/)
      expect(ledger.open).toEqual([])
    },
  )

  test('what a split of another message counts does not starve it, be it ever so old', () => {
    const more = {
      ...recipients,
      'c@example.org': policies.strict,
      'd@example.org': policies.careful,
    }
    const machine = Machine.ready({ recipients: more })
    const { ledger } = machine
    // Its sender has given up: b and c wait for ever.
    machine.message(['d@example.org', 'b@example.org', 'c@example.org'], {
      ...spam,
      message: 'old',
    })
    const codes = Array.from({ length: 3 }, () =>
      dropping(Machine.ready({ recipients: more, ledger })).slice(0, 3),
    )
    expect(codes).toContain('250')
  })

  /** It has come twice, in another order each time, and never shown its text. */
  function muchTried(...args: Parameters<typeof Machine.ready>): Machine {
    const [options] = args
    const machine = Machine.ready(options)
    for (const to of [both, both.toReversed()]) {
      const tries = Machine.ready({ ...options, ledger: machine.ledger })
      tries.send('MAIL FROM:<sender@example.net>')
      for (const one of to) tries.send(`RCPT TO:<${one}>`)
      tries.send('RSET')
    }
    expect(machine.ledger.open).toMatchObject([{ idleAttempts: 2 }])
    return machine
  }

  test.each<[string[], string[]]>([
    [
      ['c', 'a', 'b'],
      ['250', '451', '250'],
    ],
    [
      ['a', 'c', 'b'],
      ['250', '451', '451'],
    ],
    [
      ['b', 'c', 'a'],
      ['250', '250', '451'],
    ],
    [
      ['b', 'a'],
      ['250', '250'],
    ],
  ])(
    'rules.md: “Rcptwise lets no message with other people through for its sake.” Nor when it has come again and again: %s',
    (to, codes) => {
      const machine = muchTried({
        recipients: { ...recipients, 'c@example.org': policies.strict },
      })
      machine.send('MAIL FROM:<sender@example.net>')
      const said = to.map((one) => machine.send(`RCPT TO:<${one}@example.org>`)[0] ?? '')
      expect(said.map((reply) => reply.slice(0, 3))).toEqual(codes)
    },
  )

  test.each<[string, string[], string]>([
    ['one who refuses', ['b'], '550'],
    ['two who refuse', ['b', 'c'], '550'],
    ['one who takes it', ['a'], '250'],
  ])(
    'rules.md: “When the text shows that it is another message, Rcptwise treats it as one, where the recipients can share an answer.” %s',
    (_name, to, code) => {
      const machine = muchTried({
        recipients: { ...recipients, 'c@example.org': policies.strict },
      })
      const all = to.map((one) => `${one}@example.org`)
      expect(machine.message(all, { ...spam, message: 'another' }).text[0]).toMatch(code)
      expect(machine.transactions.at(-1)?.unsplit).toBeUndefined()
      expect(machine.ledger.open, 'of the first message').toMatchObject([
        { recipients: [{ state: 'waiting' }, { state: 'waiting' }] },
      ])
    },
  )

  /** Its text was seen once, and since then its sender leaves at the first who has to wait. */
  function seenAndTried(options: MachineOptions = { recipients }): Machine {
    const first = Machine.ready({ ...options, peer: { strategy: 'late' } })
    first.message(both, spam)
    const machine = Machine.ready({ ...options, ledger: first.ledger })
    dropping(machine)
    expect(machine.ledger.open).toMatchObject([{ idleAttempts: 1 }])
    return machine
  }

  test('rules.md: “A message whose sender never comes back lets another one through at most once for each attempt of its own.”', () => {
    const machine = seenAndTried()
    const others = (): (string | undefined)[] =>
      ['one', 'two', 'three'].map((message) => {
        machine.message(both, { ...spam, message: `${message} ${machine.transactions.length}` })
        return machine.transactions.at(-1)?.unsplit
      })
    expect(others()).toEqual(['forgiven', undefined, undefined])
    dropping(machine)
    expect(others().filter((one) => one === 'forgiven').length).toBeLessThanOrEqual(1)
  })

  test('who would be let through while the judge is away is told to come again, and nobody is refused for the others', () => {
    const machine = seenAndTried()
    const away = found({ kind: 'failed', why: 'away' }, { onFailure: 'defer' })
    const said = machine.message(both, { findings: away })
    expect(machine.transactions.at(-1)?.unsplit).toBe('forgiven')
    expect(said.text[0]).toMatch(/^451/)
    expect(machine.message(both, spam).text[0]).toMatch(/^250/)
  })

  test('who shows to be another message after some have gone through lets nobody else through', () => {
    const machine = seenAndTried({
      recipients: { ...recipients, 'c@example.org': policies.strict },
    })
    machine.send('MAIL FROM:<sender@example.net>')
    const said = ['a', 'b', 'c', 'd'].map(
      (one) => machine.send(`RCPT TO:<${one}@example.org>`)[0] ?? '',
    )
    expect(said.map((reply) => reply.slice(0, 3))).toEqual(['250', '250', '451', '451'])
    machine.send('DATA')
    expect(machine.text({ ...spam, message: 'another' })[0]).toMatch(/^451/)
    expect(machine.parcels.flatMap((parcel) => parcel.recipients).length).toBeLessThanOrEqual(1)
  })

  test('a sender that offers them in another order each time is let through, too', () => {
    const machine = Machine.ready({ recipients })
    const attempt = (to: readonly string[]): string => {
      machine.send('MAIL FROM:<sender@example.net>')
      const said = to.map((one) => machine.send(`RCPT TO:<${one}>`)[0] ?? '')
      machine.send('RSET')
      return said.map((reply) => reply.slice(0, 3)).join(' ')
    }
    const inTurn = [both, both.toReversed(), both, both.toReversed()].map(attempt)
    expect(inTurn).toContain('250 250')
  })

  test('an attempt in which somebody gets the message is none without progress, whatever was known of the others', () => {
    const greylisted = { code: 451, lines: ['4.7.1 Greylisted'] as [string] }
    let asks = 0
    const world = { deliver: () => ({ reply: asks++ < 6 ? greylisted : yes }) }
    const first = Machine.ready({ recipients, world, peer: { strategy: 'late' } })
    const { ledger } = first
    const idle = (): number | undefined => {
      const next = Machine.ready({ recipients, world, peer: { strategy: 'late' }, ledger })
      expect(next.message(both, spam).text[0]).toMatch(/^451/)
      const [split] = ledger.open
      // Once guessed wrongly, only the text tells that it has returned.
      if (split !== undefined)
        ledger.save({ ...split, version: split.version + 1, guessedWrongly: true })
      return split?.idleAttempts
    }
    expect(Array.from({ length: 7 }, idle), 'a has it at the last').toEqual([0, 0, 0, 0, 0, 0, 0])
    expect(idle()).toBe(1)
  })

  test('forgiven by hand: at once', () => {
    const machine = Machine.ready({ recipients })
    machine.message(both, spam)
    const [split] = machine.ledger.open
    if (split === undefined) throw new Error('there is no split')
    machine.ledger.save({ ...split, version: split.version + 1, forgiven: true })
    // alone they may be refused
    expect(machine.message(['b@example.org'], spam).text[0]).toMatch(/^550/)
    expect(machine.transactions.at(-1)).toMatchObject({ unsplit: 'forgiven' })
  })

  test('what was counted of a message that was given up before its text is not held for the next one to the same people', () => {
    const gaveUp = Machine.ready({ recipients })
    dropping(gaveUp)
    const { ledger } = gaveUp
    expect(ledger.open).toMatchObject([{ idleAttempts: 1 }])
    let open = both
    const told: string[] = []
    for (let n = 0; n < 5 && open.length > 0; n++) {
      const next = Machine.ready({ recipients, ledger, peer: { strategy: 'late' } })
      const said = next.message(open, { ...spam, message: 'another' })
      const text = said.text[0] ?? ''
      told.push(`${said.rcpts.map((reply) => reply.slice(0, 3)).join(' ')} ${text.slice(0, 3)}`)
      expect(next.transactions.at(-1)?.unsplit).toBeUndefined()
      open = open.filter((_, i) => !/^[25]/.test(text) || !/^250/.test(said.rcpts[i] ?? ''))
    }
    expect(told.at(-1)).toBe('250 550')
  })

  test('a message to somebody who has an answer already is another one, and is not let through unsplit', () => {
    const machine = Machine.ready({ recipients })
    machine.message(both, spam)
    const [split] = machine.ledger.open
    if (split === undefined) throw new Error('there is no split')
    machine.ledger.save({ ...split, version: split.version + 1, forgiven: true })
    const said = machine.message(both, { ...spam, message: 'another' })
    expect(machine.transactions.at(-1)?.unsplit).toBeUndefined()
    expect(said.text[0]).toMatch(
      /^451 4\.5\.3 The recipients of this message are answered separately/,
    )
    expect(machine.parcels.at(-1)).toMatchObject({ result: 'tagged', recipients: [{ index: 0 }] })
  })

  const split = startSplit({
    id: 'x',
    at: 0,
    transaction: 'x.1',
    reversePath: '',
    peer: 'default',
    strategy: 'group',
  })
  test.each([
    ['no split', undefined, undefined],
    ['fresh', split, undefined],
    ['one idle attempt', { ...split, idleAttempts: 1 }, 'forgiven'],
    ['forgiven', { ...split, forgiven: true }, 'forgiven'],
    ['15 forced retries', { ...split, forcedRetries: 15 }, undefined],
    ['16 forced retries', { ...split, forcedRetries: 16 }, 'too many retries'],
  ])(
    'the predicate: %s; rules.md: “Rcptwise forgives after forgive_after (1) attempts in which nobody got further.”',
    (_name, state, why) => expect(whyUnsplit(state, defaultPeer, false)).toBe(why),
  )
})
