/**
 * Dialogues with the whole session machine: any commands, pipelined or not, in any pieces, in front
 * of a server that answers anything. What holds: as many replies as commands, rules 1 to 4, and
 * where nothing is pipelined the same replies wherever the octets are cut; and from its journal
 * each dialogue is played again to the same end.
 */
import { isDeepStrictEqual } from 'node:util'
import { Journal } from '../../src/session/journal.ts'
import type { Judgement } from '../../src/verdict/judgement.ts'
import type { Reply } from '../../src/smtp/reply.ts'
import { strategyNames } from '../../src/strategy/names.ts'
import { Machine, type MachineOptions, policies } from '../support/machine.ts'
import { MemoryLedger } from '../support/memory-ledger.ts'
import { Random } from '../support/random.ts'
import { replayed } from '../support/replayed.ts'
import { Conversation, repliesIn, type Said } from './conversation.ts'
import { type Fuzzer, holds, same } from './fuzzer.ts'
import { anything, cutAnywhere, octetsOf, path, perhapsSpoiled } from './octets.ts'
import { parseReply } from './reading.ts'

const recipients = {
  'ann@example.org': policies.tagOnly,
  'Ann@example.org': policies.strict,
  'bob@example.org': policies.strict,
  'cho@example.org': policies.careful,
  'a+b@example.org': policies.vip,
  'o.x@example.org': policies.boxed,
}
const people = Object.keys(recipients)
const senders = ['<s@x.test>', '<s@x.test>', '<>', '<t@x.test>'] as const
const messages = [0, 5.5, 7, 9, 20].map(
  (score) => `Subject: x\r\nX-Score: ${score}\r\n\r\nhello\r\n`,
)

const judge = (message: string): Judgement => {
  const score = /^X-Score: ([0-9.]+)/m.exec(message)?.[1]
  return score === undefined
    ? { kind: 'silent' }
    : { kind: 'judged', score: Number(score), symbols: [] }
}

const answers: readonly Reply[] = [
  { code: 451, lines: ['4.3.0 later'] },
  { code: 421, lines: ['4.3.2 closing'] },
  { code: 452, lines: ['4.2.2 full'] },
  { code: 550, lines: ['5.1.1 unknown'] },
  { code: 554, lines: ['no', 'really', 'no'] },
  { code: 251, lines: ['will forward'] },
  { code: 354, lines: ['what'] },
]

interface World {
  /** By line of RCPT, what the server behind said last. */
  readonly rcpt: Map<string, boolean>
  /** Message and mailbox, of what it has taken. */
  readonly taken: Set<string>
  /** Mailboxes that a report names. */
  readonly reported: Set<string>
}

const mailboxIn = (text: string): string =>
  /<([^<>]*)>[^<>]*$/.exec(text)?.[1]?.replace(/^@[^:]*:/, '') ?? ''

interface Scene {
  readonly options: MachineOptions
  readonly world: World
}

/**
 * The server's answers come from a stream of their own, so that both runs of one dialogue hear the
 * same.
 */
function scene(seed: number, ledger: MemoryLedger, current: { message: string }): Scene {
  const random = new Random(seed, 'world')
  const trouble = random.pick([0, 0, 0.1, 0.4])
  const say = (): Reply =>
    random.chance(trouble) ? random.pick(answers) : { code: 250, lines: ['2.0.0 Ok'] }
  const world: World = { rcpt: new Map(), taken: new Set(), reported: new Set() }
  const isYes = (reply: Reply): boolean => Math.floor(reply.code / 100) === 2
  const options: MachineOptions = {
    ledger,
    recipients,
    world: {
      mail: say,
      rcpt: (address) => {
        const reply = say()
        world.rcpt.set(address, isYes(reply))
        return reply
      },
      deliver: ({ recipients: to }) => {
        const reply = say()
        const own = new Map<number, Reply>()
        for (const { index, argument } of to) {
          if (random.chance(trouble / 2)) own.set(index, say())
          if (isYes(own.get(index) ?? reply))
            world.taken.add(`${current.message} ${mailboxIn(argument)}`)
        }
        return { reply, own }
      },
      vouch: () => random.chance(0.3),
    },
    peer: {
      strategy: random.pick(strategyNames),
      deferCode: random.pick([450, 451, 452] as const),
      first: random.pick(['largest', 'offered'] as const),
      deliverDeferred: random.chance(0.2),
      forgiveAs: random.pick(['lenient', 'off'] as const),
    },
    trusted: random.chance(0.05),
    session: {
      lastWord: random.chance(0.2) ? 'backend' : 'judges',
      startTls: random.chance(0.2),
      unknownRecipients: random.pick(['refuse', 'refuse', 'conceal'] as const),
      relayDomains: random.chance(0.5) ? ['example.org'] : undefined,
    } as MachineOptions['session'] & object,
  }
  return { options, world }
}

type Burst = readonly string[]

/** Lines without CRLF; what is a text is one string with its end. */
function nextBurst(random: Random, conversation: Conversation, pipelines: boolean): Burst {
  if (conversation.takesText) {
    const text = random.chance(0.85)
      ? random.pick(messages)
      : perhapsSpoiled(random, random.pick(messages), 0.8)
    return [
      `${text.replace(/^\./gm, '..')}.${random.chance(0.02) ? '\n' : ''}`,
      ...(pipelines ? burst(random, 2) : []),
    ]
  }
  if (!pipelines) return [command(random)]
  return random.chance(0.5) ? envelope(random) : burst(random, 5)
}

const burst = (random: Random, most: number): string[] =>
  Array.from({ length: random.between(0, most) }, () => command(random))

function envelope(random: Random): string[] {
  const to = random.shuffled(people).slice(0, random.between(1, 4))
  const prdr = random.chance(0.3) ? ' PRDR' : ''
  return [
    `MAIL FROM:${random.pick(senders)}${prdr}`,
    ...to.map((one) => `RCPT TO:<${one}>`),
    random.chance(0.9) ? 'DATA' : 'NOOP',
  ]
}

function command(random: Random): string {
  const line = random.pick([
    (): string => `EHLO ${random.pick(['x.test', '[192.0.2.1]', 'a b', ''])}`,
    (): string =>
      `MAIL FROM:${random.pick(senders)}${random.pick(['', '', ' SIZE=100', ' PRDR', ' SMTPUTF8', ' BODY=8BITMIME', ' FOO'])}`,
    (): string => `MAIL FROM:${path(random)}`,
    (): string => `RCPT TO:<${random.pick(people)}>`,
    (): string => `RCPT TO:<${random.pick(people)}>`,
    (): string => `RCPT TO:${path(random)}`,
    (): string => 'DATA',
    (): string => 'DATA',
    (): string =>
      `BDAT ${random.pick(['5 LAST\r\nabcd\n', '4\r\nabcd', '0 LAST', '6 LAST\r\na\r\nb\r\n', 'x', '99999999999'])}`,
    (): string =>
      random.pick([
        'RSET',
        'NOOP',
        'VRFY x',
        'HELP',
        'EXPN y',
        'HELO z',
        'STARTTLS',
        'AUTH PLAIN',
        'XCLIENT ADDR=1.2.3.4',
        '.',
        'GET / HTTP/1.1',
        'QUIT',
      ]),
    (): string => anything(random, 20),
  ])()
  return perhapsSpoiled(random, line, 0.05)
}

const bytesOf = (lines: Burst): Buffer => octetsOf(lines.map((line) => `${line}\r\n`).join(''))

function once(random: Random): void {
  const pipelines = random.chance(0.5)
  const seed = random.between(0, 1e9)
  const bursts: Buffer[] = []
  const first = converse(seed, (conversation) => {
    conversation.push(octetsOf('EHLO client.test\r\n'))
    for (let left = random.between(1, 14); left > 0 && !conversation.machine.closed; left--) {
      const octets = bytesOf(nextBurst(random, conversation, pipelines))
      bursts.push(octets)
      conversation.push(octets)
    }
  })
  const input = bursts.map((octets) => octets.toString('latin1'))
  check(first, input)
  if (pipelines) return
  const second = converse(seed, (conversation) => {
    for (const piece of cutAnywhere(random, octetsOf('EHLO client.test\r\n')))
      conversation.push(piece)
    for (const octets of bursts)
      for (const piece of cutAnywhere(random, octets)) conversation.push(piece)
  })
  const wire = ({ conversation }: Course): unknown => conversation.said.map(({ lines }) => lines)
  // BDAT stands together with its octets.
  if (
    !input.some(
      (text) => /BDAT/i.test(text) || /\r\n[^]*\r\n/.test(text.replace(/^Subject[^]*/, '')),
    )
  )
    same(wire(second), wire(first), 'wherever it is cut, the replies are the same', input)
}

interface Course {
  readonly conversation: Conversation
  readonly world: World
}

function converse(seed: number, play: (conversation: Conversation) => void): Course {
  const current = { message: '' }
  // To play each again would take most of the time.
  const journal = seed % 3 === 0 ? new Journal() : undefined
  const { options, world } = scene(seed, new MemoryLedger(), current)
  const conversation = new Conversation(
    new Machine({ ...options, ...(journal && { journal }) }),
    (message) => {
      current.message = message
      return judge(message)
    },
  )
  play(conversation)
  if (journal !== undefined) playAgain(conversation.machine, journal)
  return { conversation, world }
}

function playAgain(machine: Machine, journal: Journal): void {
  const { said, effects } = replayed(journal)
  same(said, machine.writes.join(''), 'from its journal the same is said', journal.lines)
  const equal = isDeepStrictEqual(effects, machine.effects)
  holds(equal, 'from its journal the same is done', journal.lines)
}

function check({ conversation, world }: Course, input: readonly string[]): void {
  const { said, machine, unanswered } = conversation
  const story = {
    input,
    said: said.map(({ lines }) => lines),
    peer: machine.session.oracle.serve({ address: '', helo: '', senderDomain: '' }),
  }
  for (const { lines } of said) parseReplies(lines, story)
  holds(
    said.every(({ lines }) => lines.join('').length < 10_000),
    'a reply is of bounded length',
    story,
  )
  const { state } = machine.session
  // A text or chunk that is not whole is owed nothing yet; recipients are answered together.
  const open = state.at === 'text' || state.at === 'refusedText' || state.at === 'chunks'
  holds(machine.closed || open || unanswered.length === 0, 'each command has its reply', {
    ...story,
    unanswered,
  })
  // What `bounce` has accepted and reports to the sender is answered too.
  for (const reported of machine.reports.flat()) world.reported.add(reported)
  rules(said, world, story)
}

function parseReplies(lines: readonly string[], story: unknown): void {
  const wire = Buffer.from(lines.map((line) => `${line}\r\n`).join(''), 'latin1').toString('latin1')
  try {
    parseReply(wire)
  } catch (error) {
    holds(false, String(error), story)
  }
}

function rules(said: readonly Said[], world: World, story: unknown): void {
  let rcpts: { readonly line: string; readonly reply: string }[] = []
  for (const { owed, lines } of said) {
    const [reply = ''] = lines
    if (owed.kind === 'line') {
      if (/^MAIL/i.test(owed.text) && reply.startsWith('2')) rcpts = []
      if (/^RCPT/i.test(owed.text)) rcpts.push({ line: owed.text, reply })
      continue
    }
    if (owed.kind !== 'text' || owed.dropped) continue
    const accepted = rcpts.filter(({ reply: rcpt }) => rcpt.startsWith('2'))
    const final = lines.at(-1) ?? ''
    const block = reply.startsWith('353')
    if (block) holds(final.startsWith('250'), 'rule 4: a PRDR block ends with 250', story)
    const yes = block
      ? accepted.filter((_, i) => repliesIn(lines)[i + 1]?.startsWith('2'))
      : final.startsWith('2')
        ? accepted
        : []
    for (const { line } of yes) {
      const mailbox = mailboxIn(line)
      // Paths that are spoiled are the address fuzzer's.
      if (!people.includes(mailbox)) continue
      const key = `${owed.message} ${mailbox}`
      const answered = world.taken.has(key) || world.reported.has(mailbox)
      holds(answered, 'rule 1: nobody is told yes before the server behind said yes', {
        line,
        story,
      })
    }
    const deferred = rcpts.some(({ reply: rcpt }) => rcpt.startsWith('4'))
    if (final.startsWith('5') && owed.fault === undefined)
      holds(!deferred, 'rule 2: no 5yz after the text where somebody was deferred', story)
    rcpts = []
  }
}

export const dialogues: Fuzzer = { name: 'dialogues', once }
