/**
 * Rule 10: doubt costs the refused message, never another one. Which message a transaction carries
 * is known for certain only after the text; before it nobody is made to wait unless everything that
 * the sender has told speaks for a return.
 */
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import type { ReturnWindow } from '../../src/split/split-return.ts'
import type { StrategyName } from '../../src/strategy/names.ts'
import { Machine, type MachineOptions, policies, yes } from '../support/machine.ts'
import { MemoryLedger } from '../support/memory-ledger.ts'
import { runs } from '../support/properties.ts'

const recipients = {
  'ann@example.org': policies.tagOnly,
  'bob@example.org': policies.careful,
  'cho@example.org': policies.strict,
}
const all = Object.keys(recipients)
const [ann = '', bob = '', cho = ''] = all
const scored = (score: number) => ({ kind: 'judged', score, symbols: [] }) as const
const spam = { message: 'spam', judgement: scored(9) }
const codes = (lines: readonly string[]): string => lines.map((line) => line.slice(0, 3)).join(' ')
const always: ReturnWindow = { fromMs: 0, toMs: Infinity }
const minute = 60_000

/** One sender at a site with one ledger; each message is a connection of its own. */
class Site {
  readonly ledger = new MemoryLedger()
  now = 1_000_000
  readonly copies: string[] = []
  readonly machines: Machine[] = []
  readonly #options: MachineOptions

  constructor(options: MachineOptions = {}) {
    this.#options = options
  }

  connect(options: MachineOptions = {}): Machine {
    const machine: Machine = Machine.ready({
      recipients,
      ...this.#options,
      ...options,
      ledger: this.ledger,
      now: () => this.now,
      peer: { strategy: 'late', ...this.#options.peer, ...options.peer },
      world: {
        deliver: (parcel) => {
          this.copies.push(...parcel.recipients.map(({ argument }) => argument.slice(1, -1)))
          return { reply: yes }
        },
        ...this.#options.world,
        ...options.world,
      },
    })
    this.machines.push(machine)
    return machine
  }

  /** Replies to RCPT and to the text, as codes; undefined for the default parameters. */
  send(
    to: readonly string[],
    text: typeof spam,
    parameters?: string,
    options?: MachineOptions,
  ): string {
    const { rcpts, text: said } = this.connect(options).message(to, text, parameters)
    return codes([...rcpts, ...said])
  }

  guesses(): (string | undefined)[] {
    return this.machines.flatMap((machine) => machine.transactions.map(({ guess }) => guess))
  }
}

const clean = (n: number) => ({ message: `clean ${n}`, judgement: scored(1) })

describe('rules.md: “Doubt costs the refused message, never another one.”', () => {
  test.each(['late', 'group', 'single'] as const)(
    '%s: rules.md: “Rcptwise never takes a sender that never came back for one that does.”',
    (strategy) => {
      const site = new Site({
        peer: { strategy },
        recipients: { ...recipients, [ann]: policies.strict, [bob]: policies.strict },
      })
      const to = [ann, bob, cho]
      const first = site.send(to, spam, ' SIZE=1000')
      const before = site.send(to, clean(0), ' SIZE=1000')
      for (let n = 1; n < 5; n++) expect(site.send(to, clean(n), ' SIZE=1000')).toBe(before)
      expect(first).not.toBe('')
      expect(site.guesses().every((guess) => guess === undefined)).toBe(true)
    },
  )

  test('rules.md: “Rcptwise knows only after the text for certain which message a transaction carries.” “Otherwise everyone goes through, and the text decides.” Five clean ones between the attempts of Postfix', () => {
    const site = new Site()
    expect(site.send(all, spam, ' SIZE=1000')).toBe('250 250 250 451')
    for (let n = 0; n < 5; n++) {
      site.now += minute
      expect(site.send(all, clean(n), ` SIZE=${900 + n}`)).toBe('250 250 250 250')
    }
    site.now += minute
    expect(site.send(all, spam, ' SIZE=1000'), 'known by its text').toBe('250 250 250 451')
    site.now += 5 * minute
    expect(site.send(all, clean(9), ' SIZE=77')).toBe('250 250 250 250')
    expect(site.send(all, spam, ' SIZE=1000'), 'seen to return: the refused one goes last').toBe(
      '250 250 451 250',
    )
    expect(site.send(all, clean(10), ' SIZE=78')).toBe('250 250 250 250')
    site.now += 10 * minute
    expect(site.send([cho], spam, ' SIZE=1000')).toBe('250 550')
    expect(site.ledger.open).toEqual([])
    expect(site.guesses().filter((guess) => guess !== undefined)).toEqual(['right'])
  })
})

describe("rules.md: “Before that it takes the transaction for the return of a refused message only when everything that the sender has told speaks for it.” “That is SIZE, ENVID, the sender's host, the recipients, their order, and the time.” strategies.md: “the SIZE and ENVID that MAIL declares” “the sender: the same domain of the verified host name, else the same network, as auto knows senders;” “the recipients: all who are open, nobody else, in the same order;” “the time: when this message has come back before, or when this sender is known to come back;” “If one of them does not fit, everybody goes through, and the text decides.” “Rcptwise then answers a refused message with 451 once more.”", () => {
  const known: MachineOptions = {
    comesBack: { fromMs: 5 * minute, toMs: 15 * minute },
    parameters: ' SIZE=1000',
  }
  const sign = (options: {
    readonly to?: readonly string[]
    readonly parameters?: string
    readonly waits?: number
    readonly client?: MachineOptions['client']
  }): string => {
    const site = new Site(known)
    site.send(all, spam)
    site.now += options.waits ?? 10 * minute
    return site.send(
      options.to ?? all,
      spam,
      options.parameters,
      options.client && { client: options.client },
    )
  }
  test.each<[string, Parameters<typeof sign>[0], string]>([
    ['all of it', {}, '250 250 451 250'],
    ['another SIZE', { parameters: ' SIZE=1001' }, '250 250 250 451'],
    ['no SIZE', { parameters: '' }, '250 250 250 451'],
    ['an ENVID', { parameters: ' SIZE=1000 ENVID=QQ1' }, '250 250 250 451'],
    ['another order', { to: [bob, ann, cho] }, '250 250 250 451'],
    ['somebody new', { to: [...all, 'dan@example.org'] }, '250 250 250 250 451'],
    ['somebody is missing', { to: [ann, cho] }, '250 250 451'],
    ['another sender’s host', { client: { address: '198.51.100.9', port: 1 } }, '250 250 250 451'],
    ['sooner than it ever came', { waits: minute }, '250 250 250 451'],
    ['later than it ever came', { waits: 60 * minute }, '250 250 250 451'],
  ])('%s', (_name, options, expected) => {
    expect(sign(options)).toBe(expected)
  })

  test('strategies.md: “no other transaction was taken for this retry and is still under way.”', () => {
    const site = new Site({ comesBack: always, parameters: ' SIZE=1000' })
    site.send(all, spam)
    const [one, two] = [site.connect(), site.connect()]
    expect(codes(one.envelope('sender@example.net', all, ' SIZE=1000').rcpts)).toBe('250 250 451')
    expect(codes(two.envelope('sender@example.net', all, ' SIZE=1000').rcpts)).toBe('250 250 250')
    expect(codes(two.text(clean(1)))).toBe('250')
    expect(codes(one.text(spam))).toBe('250')
    expect(site.send([cho], spam)).toBe('250 550')
  })

  test('no SIZE at all (OpenSMTPD), strategies.md: “For a sender without SIZE, Rcptwise guesses only after it has seen this very message come back.” By whom it offers, also in another order', () => {
    const site = new Site()
    expect(site.send(all, spam)).toBe('250 250 250 451')
    site.now += 7 * minute
    expect(site.send([bob, cho, ann], spam)).toBe('250 250 250 451')
    site.now += 27 * minute
    expect(site.send([ann, cho, bob], clean(1)), 'looks just like it, and is not').toBe(
      '250 451 250 250',
    )
    expect(site.copies.slice(-3).toSorted(), 'who was made to wait has it all the same').toEqual([
      ann,
      bob,
      cho,
    ])
    expect(site.send([cho], clean(1)), 'and is not delivered to again').toBe('250 250')
    expect(site.copies.filter((one) => one === cho)).toHaveLength(1)
  })
})

const seenBefore = { comesBack: always, parameters: ' SIZE=1000' } as const
const policyFor = (address: string) => ({
  kind: 'found' as const,
  policy: address === bob ? policies.careful : policies.strict,
})

test('strategies.md: “Fewer are not safe: the next message of a program that makes one attempt may look like the retry, and the program would give it up at the 451.” So it hears none', () => {
  const site = new Site({ parameters: ' SIZE=1000' })
  expect(site.send(all, spam)).toBe('250 250 250 451')
  for (let n = 0; n < 5; n++) {
    site.now += minute
    expect(site.send(all, clean(n))).toBe('250 250 250 250')
  }
})

describe('rules.md: “When this message has come back twice and only its text could tell, SIZE, ENVID and the recipients are enough.” strategies.md: “After two retries that only the text could tell, the size, ENVID and recipients are enough: hosts, order and time may differ from one retry to the next.”', () => {
  /** The fourth attempt; each came from another network, in another order, much later. */
  const fourth = (text: typeof spam, to: readonly string[], parameters: string) => {
    const site = new Site()
    const from = (host: number) => ({ client: { address: `192.0.${host}.1`, port: 1 } })
    for (const [n, order] of [all, [bob, cho, ann], [cho, ann, bob]].entries()) {
      expect(site.send(order, spam, ' SIZE=1000', from(n))).toBe('250 250 250 451')
      site.now += 60 * minute * 10 ** n
    }
    return { site, said: site.send(to, text, parameters, from(9)) }
  }

  test('it is taken for the retry', () => {
    const { site, said } = fourth(spam, [cho, bob, ann], ' SIZE=1000')
    expect(said).toBe('451 250 250 250')
    expect(site.send([cho], spam, ' SIZE=1000')).toBe('250 550')
    expect(site.guesses().filter((guess) => guess !== undefined)).toEqual(['right'])
  })

  test.each<[string, readonly string[], string]>([
    ['another SIZE', all, ' SIZE=999'],
    ['no SIZE', all, ''],
    ['an ENVID', all, ' SIZE=1000 ENVID=QQ1'],
    ['somebody new', [...all, 'dan@example.org'], ' SIZE=1000'],
    ['somebody is missing', [ann, cho], ' SIZE=1000'],
  ])('not with %s', (_name, to, parameters) => {
    const { site, said } = fourth(clean(1), to, parameters)
    expect(said).not.toContain('451')
    expect(site.guesses().every((guess) => guess === undefined)).toBe(true)
  })

  test('another message is taken for it once, and has been delivered all the same', () => {
    const { site, said } = fourth(clean(1), all, ' SIZE=1000')
    expect(said).toBe('250 250 451 250')
    expect(site.copies.filter((one) => one === cho)).toHaveLength(1)
    expect(site.send(all, clean(2), ' SIZE=1000')).toBe('250 250 250 250')
  })
})

test('what was read of the ledger before this transaction wrote to it is no sign of another one', () => {
  const site = new Site({ ...seenBefore, recipients: { ...recipients, [ann]: policies.strict } })
  const to = [cho, bob, ann]
  expect(site.send(to, spam)).toBe('250 250 250 451')
  const slow = site.connect({
    world: { policy: (address) => (address === bob ? undefined : policyFor(address)) },
  })
  const read = site.ledger.recall('sender@example.net', bob)
  slow.send('MAIL FROM:<sender@example.net> SIZE=1000')
  expect(codes(slow.send(`RCPT TO:<${cho}>`))).toBe('451')
  expect(site.ledger.open[0]?.version, 'it was taken for the retry').toBeGreaterThan(
    read[0]?.version ?? 0,
  )
  slow.send(`RCPT TO:<${bob}>`, `RCPT TO:<${ann}>`)
  const late = { kind: 'recipientKnown', index: 1, splits: read, policy: policyFor(bob) } as const
  expect(codes(slow.tell(late))).toBe('250 451')
})

test('rules.md: “A recipient who waits because of a wrong guess has the message at once, and Rcptwise acknowledges the retry.” strategies.md: “A recipient who waits because of a wrong guess has the message at once, and Rcptwise acknowledges the retry.”', () => {
  const site = new Site({ comesBack: always, parameters: ' SIZE=1000' })
  site.send(all, spam)
  expect(site.send(all, clean(1)), 'looks just like the return').toBe('250 250 451 250')
  expect(site.copies.filter((one) => one === cho)).toHaveLength(1)
  expect(site.ledger.open.map(({ guessedWrongly }) => guessedWrongly)).toContain(true)
  for (let n = 2; n < 6; n++) expect(site.send(all, clean(n))).toBe('250 250 250 250')
  expect(site.send([cho], clean(1)), 'acknowledged').toBe('250 250')
  expect(site.copies.filter((one) => one === cho)).toHaveLength(5)
  expect(site.guesses().filter((guess) => guess === 'wrong')).toHaveLength(1)
})

test('rules.md: “After a wrong guess Rcptwise never guesses again for this message, which then ends by rule 5.” strategies.md: “Rcptwise then never guesses again for this message.” “After three retries that only the text could tell, rule 5 ends the split.”', () => {
  const site = new Site({ comesBack: always, parameters: ' SIZE=1000' })
  site.send(all, spam)
  site.send(all, clean(1))
  const heard: string[] = []
  while (heard.length < 10 && heard.at(-1)?.endsWith(' 250') !== true)
    heard.push(site.send(all, spam))
  expect(heard.slice(0, -1).every((said) => said === '250 250 250 451')).toBe(true)
  expect(heard).toHaveLength(5)
  expect(site.ledger.open.filter(({ messageId }) => messageId === '<spam@test>')).toEqual([])
})

describe("rules.md: “Rcptwise never answers one recipient with another's outcome.”", () => {
  test.each([
    ['Bob@example.org', 'bob@example.org'],
    ['\u212Aim@example.org', 'kim@example.org'],
    ['\u017Fam@example.org', 'sam@example.org'],
    ['STRA\u00DFE@example.org', 'strasse@example.org'],
    ['"bob"@example.org', 'bob@example.org'],
  ])('%s and %s', (one, other) => {
    const octets = (address: string): string => Buffer.from(address).toString('latin1')
    const policyOf = (address: string) => ({
      kind: 'found' as const,
      policy: address === one ? policies.strict : policies.tagOnly,
    })
    const site = new Site({ world: { policy: policyOf }, session: {} })
    const to = [octets(one), octets(other)]
    expect(site.send(to, spam, ' SMTPUTF8')).toBe('250 250 451')
    expect(site.send(to, spam, ' SMTPUTF8')).toBe('250 250 451')
    expect(site.send(to, spam, ' SMTPUTF8')).toBe('451 250 250')
    expect(site.send([octets(one)], spam, ' SMTPUTF8')).toBe('250 550')
    expect(
      site.machines.flatMap(({ parcels }) => parcels.flatMap((parcel) => parcel.recipients)),
    ).toHaveLength(1)
  })

  test('the same mailbox offered twice is one recipient', () => {
    const site = new Site()
    expect(site.send([ann, cho, cho], spam)).toBe('250 250 250 451')
    expect(site.send([ann, cho, cho], spam)).toBe('250 250 250 451')
    expect(site.send([ann, cho, cho], spam)).toBe('250 451 451 250')
    expect(site.send([cho, cho], spam)).toBe('250 250 550')
  })
})

describe('only what we caused counts for rule 5', () => {
  test('the server’s own 4yz at RCPT (a full mailbox): the message is not let through for it', () => {
    const site = new Site({
      world: {
        rcpt: (address) =>
          address === bob
            ? { code: 452, lines: ['4.2.2 Mailbox full'] }
            : { code: 250, lines: ['2.1.5 Ok'] },
      },
    })
    for (let n = 0; n < 6; n++) {
      site.now += 10 * minute
      site.send([ann, bob, cho].slice(n > 2 ? 1 : 0), spam)
    }
    expect(site.copies).not.toContain(cho)
    expect(
      site.machines.flatMap(({ transactions }) => transactions.map(({ unsplit }) => unsplit)),
    ).not.toContain('forgiven')
  })
})

/** Clean mail of every kind between the attempts of a refused message. */
describe('clean mail between the attempts', () => {
  interface Course {
    readonly strategy: StrategyName
    readonly size: 'equal' | 'differs' | 'none'
    readonly seen: boolean
    readonly pipelines: boolean
    readonly order: readonly string[]
    readonly gaps: readonly {
      readonly ms: number
      readonly what: 'clean' | 'return'
      readonly to: readonly string[]
    }[]
  }
  const someOf = fc.shuffledSubarray(all, { minLength: 1 })
  const course: fc.Arbitrary<Course> = fc.record({
    strategy: fc.constantFrom<StrategyName>('late', 'late', 'late', 'group', 'single'),
    size: fc.constantFrom('equal', 'differs', 'none'),
    seen: fc.boolean(),
    pipelines: fc.boolean(),
    order: fc.shuffledSubarray(all, { minLength: 3 }),
    gaps: fc.array(
      fc.record({
        ms: fc.constantFrom(1000, minute, 10 * minute, 60 * minute),
        what: fc.constantFrom('clean', 'clean', 'return'),
        to: fc.oneof({ weight: 3, arbitrary: fc.constant([]) }, { weight: 1, arbitrary: someOf }),
      }),
      { maxLength: 14 },
    ),
  })

  test('accepted mail is never delayed by a guess with late, and a message is guessed wrongly at most once strategies.md: “Such a sender may offer one recipient after the other.” “Then a clean message to a refused recipient alone may have to wait, once for each refused message.”', () => {
    fc.assert(
      fc.property(course, (c) => {
        const site = new Site({
          peer: { strategy: c.strategy },
          ...(c.seen ? { comesBack: always } : {}),
        })
        const parameters = (cleanOne: boolean): string =>
          c.size === 'none' ? '' : ` SIZE=${cleanOne && c.size === 'differs' ? 999 : 1000}`
        const send = (to: readonly string[], text: typeof spam, size: string) => {
          const machine = site.connect()
          if (c.pipelines) return machine.message(to, text, size)
          const rcpts = [
            `MAIL FROM:<sender@example.net>${size}`,
            ...to.map((one) => `RCPT TO:<${one}>`),
          ]
            .map((line) => machine.send(line)[0] ?? '')
            .slice(1)
          const data = rcpts.some((said) => said.startsWith('250'))
            ? (machine.send('DATA')[0] ?? '')
            : ''
          return { rcpts, data, text: data.startsWith('354') ? machine.text(text) : [] }
        }
        let open: readonly string[] = c.order
        const seen = { returning: c.seen }
        const attempt = (): void => {
          const said = send(open, spam, parameters(false))
          const final = /^[25]/.test(said.text[0] ?? '')
          open = open.filter((_, i) => !(final && said.rcpts[i]?.startsWith('250') === true))
          seen.returning ||= site.ledger.open.some(({ returns }) => returns !== undefined)
        }
        attempt()
        for (const [n, { ms, what, to }] of c.gaps.entries()) {
          site.now += ms
          if (what === 'return') {
            if (open.length > 0) attempt()
            continue
          }
          const before = site.copies.length
          const offered = to.length === 0 ? c.order : to
          const said = send(offered, clean(n), parameters(true))
          if (c.strategy !== 'late') continue
          const alone = offered.length === 1 && !c.pipelines
          // One at a time and alone, nothing tells it from the beginning of the return: once for
          // each split it may have to wait.
          if (!(alone && c.size !== 'differs')) {
            expect(site.copies.slice(before).toSorted(), 'delivered at once, once').toEqual(
              [...offered].toSorted(),
            )
          }
          if (!seen.returning) expect(codes([...said.rcpts, ...said.text])).not.toContain('451')
        }
        const wrong = site.guesses().filter((guess) => guess === 'wrong').length
        expect(wrong).toBeLessThanOrEqual(1 + site.ledger.splits.size)
        const marked = [...site.ledger.splits.values()].filter(
          ({ guessedWrongly }) => guessedWrongly === true,
        )
        expect(wrong).toBe(marked.length)
      }),
      { numRuns: runs(1500) },
    )
  })
})

describe("strategies.md: “If Rcptwise has never seen a sender come back, the first refused message takes four attempts, and later ones take three.” README.md: “If Rcptwise has never seen a sender retry, that sender's first refused message takes one attempt more”", () => {
  test.each<[string, MachineOptions, number]>([
    ['its first', {}, 4],
    [
      'a later one, since it was seen to come back',
      { comesBack: { fromMs: 5 * minute, toMs: 15 * minute } },
      3,
    ],
  ])('%s', (_name, options, attempts) => {
    const site = new Site({ parameters: ' SIZE=1000', ...options })
    const said: string[] = []
    let open: readonly string[] = all
    while (open.length > 0 && said.length < 10) {
      const { rcpts, text } = site.connect().message(open, spam)
      said.push(codes([...rcpts, ...text]))
      site.now += 10 * minute
      const final = text[0]?.startsWith('4') === false
      open = open.filter((_, i) => !(final && rcpts[i]?.startsWith('250') === true))
    }
    expect(said.at(-1)).toBe('250 550')
    expect(said).toHaveLength(attempts)
  })
})
