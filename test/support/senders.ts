/**
 * Sending MTAs as they were measured (docs: senders), as far as a front-end can tell them apart: in
 * which order and how they offer recipients, and what they make of each reply. One call is one
 * attempt: one connection.
 */
import type { Judgement } from '../../src/verdict/judgement.ts'
import type { Machine } from './machine.ts'

export const senderKinds = [
  'exim',
  'eximPrdr',
  'postfix',
  'sendmail',
  'opensmtpd',
  'haraka',
  'nullmailer',
  'qmail',
] as const
/** They make one attempt, and tell who called them what came of it. */
export const callers = ['msmtp', 'smtplib'] as const
export type SenderKind = (typeof senderKinds)[number] | (typeof callers)[number]

/** `yes` and `no` are for good: the sender lets go of the recipient. */
export type Fate = 'open' | 'yes' | 'no'

export interface Letter {
  readonly message: string
  readonly from: string
  readonly judgement: Judgement
  /** Octets, for those who declare them. */
  readonly size?: number
  /** In the order of the envelope. */
  readonly fates: Map<string, Fate>
}

export interface Attempt {
  /** Puts recipients into the order of this attempt, for a sender whose order is random. */
  readonly shuffle: (recipients: string[]) => string[]
  /** Where the connection breaks, if it does. */
  readonly breaks?: 'before DATA' | 'in the text' | 'after the dot'
  /** What stands behind MAIL; by itself, the size of those who declare it. */
  readonly parameters?: string
  /** Called for each transaction with what was said, before the sender draws its conclusions. */
  readonly watch: (said: Said) => void
}

export interface Said {
  readonly prdr: boolean
  readonly offered: readonly string[]
  readonly rcpts: readonly string[]
  readonly data: string
  /** Reply lines to the text; empty when there was none. */
  readonly text: readonly string[]
}

const digit = (reply: string): number => Number(reply.charAt(0))
export const openOf = (letter: Letter): string[] =>
  [...letter.fates].filter(([, fate]) => fate === 'open').map(([address]) => address)

/** Measured (interop/*-client): they say SIZE behind MAIL. Of the callers, Python's smtplib does. */
const declaresSize: ReadonlySet<SenderKind> = new Set([
  ...(['exim', 'eximPrdr', 'postfix', 'sendmail', 'haraka', 'smtplib'] as const),
])

/** One attempt at everyone who is still open. */
export function attempt(kind: SenderKind, machine: Machine, letter: Letter, given: Attempt): void {
  const open = openOf(letter)
  const sized = letter.size !== undefined && declaresSize.has(kind)
  const how = sized ? { ...given, parameters: ` SIZE=${letter.size}` } : given
  switch (kind) {
    case 'exim':
    case 'eximPrdr':
      return exim(kind, machine, letter, how)
    case 'postfix':
      return concludeOwn(
        letter,
        transact(machine, letter, { ...how, offered: open.sort(), pipelines: 'all' }),
      )
    case 'sendmail':
      return concludeOwn(
        letter,
        transact(machine, letter, { ...how, offered: open, pipelines: 'rcpts' }),
      )
    case 'opensmtpd':
      return concludeOwn(
        letter,
        transact(machine, letter, { ...how, offered: how.shuffle(open), pipelines: 'nothing' }),
      )
    case 'haraka':
      return haraka(
        letter,
        transact(machine, letter, { ...how, offered: open, pipelines: 'nothing' }),
      )
    case 'nullmailer':
      return nullmailer(machine, letter, how)
    case 'msmtp':
      return msmtp(machine, letter, how)
    case 'smtplib':
      return concludeOwn(
        letter,
        transact(machine, letter, { ...how, offered: open, pipelines: 'nothing' }),
      )
    case 'qmail':
      for (const one of open) {
        if (machine.closed) return
        concludeOwn(
          letter,
          transact(machine, letter, { ...how, offered: [one], pipelines: 'nothing' }),
        )
      }
  }
}

interface Envelope extends Attempt {
  readonly offered: readonly string[]
  readonly pipelines: 'all' | 'rcpts' | 'nothing'
  readonly prdr?: boolean
  /** Leaves at the first 4yz or 5yz. */
  readonly strict?: boolean
}

interface Heard extends Said {
  readonly mail: string
  /** The connection broke: nothing is known but what was said before. */
  readonly broke: boolean
}

function transact(machine: Machine, letter: Letter, envelope: Envelope): Heard {
  const { offered, pipelines, prdr = false, parameters = '' } = envelope
  const commands = [
    `MAIL FROM:<${letter.from}>${parameters}${prdr ? ' PRDR' : ''}`,
    ...offered.map((to) => `RCPT TO:<${to}>`),
  ]
  const replies: string[] = []
  if (pipelines === 'all')
    replies.push(
      ...machine.send(...commands, ...(envelope.breaks === 'before DATA' ? [] : ['DATA'])),
    )
  else {
    const [mail = '', ...rcpts] = commands
    replies.push(...machine.send(mail))
    if (pipelines === 'rcpts' && digit(replies[0] ?? '') === 2)
      replies.push(...machine.send(...rcpts))
    else if (digit(replies[0] ?? '') === 2) {
      for (const rcpt of rcpts) {
        replies.push(...machine.send(rcpt))
        if (envelope.strict === true && digit(replies.at(-1) ?? '') !== 2) break
      }
    }
    const anyone = replies.slice(1).some((reply) => digit(reply) === 2)
    const gaveUp = envelope.strict === true && digit(replies.at(-1) ?? '') !== 2
    if (anyone && !gaveUp && envelope.breaks !== 'before DATA')
      replies.push(...machine.send('DATA'))
  }
  const mail = replies[0] ?? ''
  const rcpts = replies.slice(1, 1 + offered.length)
  const data = replies[1 + offered.length] ?? ''
  const goes = data.startsWith('354')
  const early = envelope.breaks === 'before DATA' || envelope.breaks === 'in the text'
  machine.leavesAfterDot = envelope.breaks === 'after the dot'
  const answer =
    goes && !early ? machine.text({ message: letter.message, judgement: letter.judgement }) : []
  // Where the backend was not asked, the answer is there at once, and read.
  const broke = early || (machine.leavesAfterDot && machine.closed)
  const text = broke ? [] : answer
  if (broke) machine.tell({ kind: 'clientLost' })
  else if (!goes && !machine.closed) machine.send('RSET')
  const said = { prdr, offered, rcpts, data, text }
  envelope.watch(said)
  return { ...said, mail, broke }
}

const settle = (letter: Letter, address: string, reply: string): void => {
  if (digit(reply) === 2) letter.fates.set(address, 'yes')
  if (digit(reply) === 5) letter.fates.set(address, 'no')
}

/**
 * Postfix, sendmail, OpenSMTPD, qmail: each recipient by its own RCPT reply, and the one after the
 * text for those who went through.
 */
function concludeOwn(letter: Letter, heard: Heard): void {
  if (digit(heard.mail) !== 2) {
    if (!heard.broke && digit(heard.mail) === 5)
      for (const address of heard.offered) letter.fates.set(address, 'no')
    return
  }
  heard.offered.forEach((address, i) => {
    const rcpt = heard.rcpts[i] ?? ''
    if (digit(rcpt) === 5) letter.fates.set(address, 'no')
    if (digit(rcpt) === 2 && heard.text.length > 0) settle(letter, address, heard.text.at(-1) ?? '')
  })
}

/**
 * A 452 goes on in the same connection; a 5yz after the text then bounces the 452'd ones too
 * (senders: Hazards).
 */
function exim(kind: 'exim' | 'eximPrdr', machine: Machine, letter: Letter, how: Attempt): void {
  let offered = openOf(letter)
  while (offered.length > 0 && !machine.closed) {
    const prdr = kind === 'eximPrdr' && offered.length > 1
    const heard = transact(machine, letter, { ...how, offered, pipelines: 'all', prdr })
    const held = heard.offered.filter((_, i) => (heard.rcpts[i] ?? '').startsWith('452'))
    const accepted = heard.offered.filter((_, i) => digit(heard.rcpts[i] ?? '') === 2)
    const final = heard.text.at(-1) ?? ''
    if (heard.text[0]?.startsWith('353') === true && digit(final) === 2) {
      concludeOwn(letter, { ...heard, text: [] })
      accepted.forEach((address, i) => settle(letter, address, heard.text[i + 1] ?? ''))
    } else {
      concludeOwn(letter, heard)
      if (digit(final) === 5) for (const address of held) letter.fates.set(address, 'no')
    }
    const goesOn = accepted.length > 0 || heard.rcpts.some((reply) => digit(reply) === 5)
    offered = goesOn && digit(final) === 2 && !heard.broke ? held : []
  }
}

/**
 * Only exactly 250 is a yes; a 5yz after the text bounces everything that is open (senders:
 * Hazards).
 */
function haraka(letter: Letter, heard: Heard): void {
  const final = heard.text.at(-1) ?? ''
  if (digit(final) === 5) {
    for (const address of openOf(letter)) letter.fates.set(address, 'no')
    return
  }
  concludeOwn(letter, {
    ...heard,
    rcpts: heard.rcpts.map((reply) =>
      digit(reply) === 2 && !reply.startsWith('250') ? '451' : reply,
    ),
  })
}

/**
 * Drops the whole message at the first 4yz and keeps offering all of it; a 5yz at RCPT fails all of
 * it.
 */
function nullmailer(machine: Machine, letter: Letter, how: Attempt): void {
  const all = [...letter.fates.keys()]
  const heard = transact(machine, letter, {
    ...how,
    offered: all,
    pipelines: 'nothing',
    strict: true,
  })
  const refused = heard.rcpts.some((reply) => digit(reply) === 5) || digit(heard.mail) === 5
  const whole = refused
    ? '550'
    : heard.rcpts.every((reply) => digit(reply) === 2)
      ? (heard.text.at(-1) ?? '')
      : ''
  if (!heard.broke) for (const address of all) settle(letter, address, whole)
}

/** Fails the whole message at the first recipient who is not taken. */
function msmtp(machine: Machine, letter: Letter, how: Attempt): void {
  const all = openOf(letter)
  const heard = transact(machine, letter, {
    ...how,
    offered: all,
    pipelines: 'nothing',
    strict: true,
  })
  if (heard.text.length > 0) concludeOwn(letter, heard)
}
