/**
 * Sending mail servers as they were measured (docs: senders), over connections to a Rcptwise that
 * may die at any moment: how they offer recipients, what they make of each reply, and how they go
 * away. `test/support/senders.ts` has them against the machine alone.
 */
import type { Closing, Leaving, Transaction } from './journal.ts'
import type { Clock, Line } from './line.ts'
import type { Random } from '../support/random.ts'

/** They come again until everyone is answered. */
export const queueing = [
  'postfix',
  'exim',
  'eximPrdr',
  'sendmail',
  'opensmtpd',
  'haraka',
  'nullmailer',
  'qmail',
] as const
/** They make one attempt. */
export const callers = ['msmtp', 'smtplib'] as const
export type SenderKind = (typeof queueing)[number] | (typeof callers)[number]

export const isCaller = (kind: SenderKind): boolean => callers.some((one) => one === kind)

export interface Letter {
  readonly id: string
  readonly kind: SenderKind
  readonly reversePath: string
  readonly to: readonly string[]
  readonly score: number
  /** Without the final dot. */
  readonly text: string
  /** `done`: the sender lets go of the recipient, whatever it was told. */
  readonly fates: Map<string, 'open' | 'done'>
  attempts: number
}

export interface Attempt {
  readonly letter: Letter
  /** Undefined when nobody listens. */
  readonly connect: () => Promise<Line | undefined>
  readonly front: number
  readonly clock: Clock
  readonly random: Pick<Random, 'shuffled'>
  /** How and when it goes away, if it does. */
  readonly leaving: { readonly when: Leaving; readonly how: Closing } | undefined
  readonly note: (transaction: Transaction) => void
}

export const openOf = (letter: Letter): string[] =>
  letter.to.filter((address) => letter.fates.get(address) === 'open')

const digit = (reply: string | undefined): number => Number((reply ?? '').charAt(0))
const positive = (reply: string | undefined): boolean => digit(reply) === 2

interface Manner {
  readonly pipelines: 'all' | 'rcpts' | 'nothing'
  readonly prdr?: boolean
  /** Leaves at the first recipient who is not taken. */
  readonly strict?: boolean
  readonly size?: boolean
}

/** Those that draw their conclusions for each recipient alone. */
const manners = {
  postfix: { pipelines: 'all', size: true },
  sendmail: { pipelines: 'rcpts', size: true },
  opensmtpd: { pipelines: 'nothing' },
  qmail: { pipelines: 'nothing' },
  smtplib: { pipelines: 'nothing', size: true },
  msmtp: { pipelines: 'nothing', strict: true },
} as const satisfies Partial<Record<SenderKind, Manner>>

/** Whether its MAIL has SIZE. */
export const declaresSize = (kind: string): boolean =>
  kind === 'exim' ||
  kind === 'eximPrdr' ||
  kind === 'haraka' ||
  Object.entries<Manner>(manners).some(([name, { size }]) => name === kind && size === true)

/** One connection, at everyone who is open. */
export async function attempt(how: Attempt): Promise<void> {
  const { letter } = how
  letter.attempts++
  const wire = await how.connect()
  if (wire === undefined) return
  try {
    if (!positive(await wire.reply()) || !positive(await wire.ask(`EHLO ${letter.kind}.test`)))
      return
    const conversation = new Conversation(wire, how)
    await conversation.behave()
    if (!wire.closed && !conversation.left) await wire.ask('QUIT')
  } finally {
    wire.close()
  }
}

class Conversation {
  readonly #wire: Line
  readonly #how: Attempt
  left = false

  constructor(wire: Line, how: Attempt) {
    this.#wire = wire
    this.#how = how
  }

  async behave(): Promise<void> {
    const { letter } = this.#how
    const open = openOf(letter)
    if (letter.kind === 'exim' || letter.kind === 'eximPrdr') {
      await this.#exim(letter.kind === 'eximPrdr')
      return
    }
    if (letter.kind === 'nullmailer') {
      this.#wholeMessage(await this.#transact(letter.to, { pipelines: 'nothing', strict: true }))
      return
    }
    if (letter.kind === 'haraka') {
      this.#haraka(await this.#transact(open, { pipelines: 'nothing', size: true }))
      return
    }
    for (const offered of this.#envelopes(letter.kind, open)) {
      if (this.#wire.closed || this.left) return
      this.#eachOwn(await this.#transact(offered, manners[letter.kind]))
    }
  }

  /** Recipients of each transaction, in the order in which they are offered. */
  #envelopes(kind: keyof typeof manners, open: readonly string[]): readonly (readonly string[])[] {
    if (kind === 'qmail') return open.map((one) => [one])
    if (kind === 'postfix') return [open.toSorted()]
    return [kind === 'opensmtpd' ? this.#how.random.shuffled(open) : open]
  }

  /** Each recipient by its own RCPT reply, and by the one after the text who went through. */
  #eachOwn(heard: Transaction): void {
    for (const [address, reply] of heard.told) if (digit(reply) !== 4) this.#letGo(address)
  }

  /**
   * A 452 goes on in the same connection. A 5yz after the text bounces those as well (senders:
   * Hazards).
   */
  async #exim(prdr: boolean): Promise<void> {
    let offered = openOf(this.#how.letter)
    while (offered.length > 0 && !this.#wire.closed && !this.left) {
      const heard = await this.#transact(offered, {
        pipelines: 'all',
        prdr: prdr && offered.length > 1,
        size: true,
      })
      this.#eachOwn(heard)
      const final = heard.text.at(-1)
      const held = heard.rcpts
        .filter(([, reply]) => reply.startsWith('452'))
        .map(([address]) => address)
      if (digit(final) === 5) for (const address of held) this.#letGo(address)
      offered = positive(final) && heard.end === 'heard' ? held : []
    }
  }

  /** Only exactly 250 is a yes; a 5yz after the text bounces everybody (senders: Hazards). */
  #haraka(heard: Transaction): void {
    if (digit(heard.text.at(-1)) === 5)
      for (const address of openOf(this.#how.letter)) this.#letGo(address)
    this.#eachOwn(heard)
  }

  /** All or nothing: the first 4yz leaves the whole message in the queue, a 5yz fails all of it. */
  #wholeMessage(heard: Transaction): void {
    const last = heard.text.at(-1) ?? heard.rcpts.at(-1)?.[1] ?? heard.mail
    const refused = digit(last) === 5
    const taken = heard.text.length > 0 && positive(last)
    if (refused || taken) for (const address of this.#how.letter.to) this.#letGo(address)
  }

  #letGo(address: string): void {
    this.#how.letter.fates.set(address, 'done')
  }

  async #transact(offered: readonly string[], manner: Manner): Promise<Transaction> {
    const { letter, leaving, front, clock } = this.#how
    const begun = clock.now()
    const parts = {
      mail: '',
      rcpts: [] as (readonly [string, string])[],
      data: '',
      text: [] as string[],
    }
    const course: { dot?: number; left?: NonNullable<Transaction['left']> } = {}
    const leave = (): void => {
      if (leaving === undefined) return
      course.left = { ...leaving, at: clock.now() }
      this.left = true
      this.#wire.leave(leaving.how)
    }
    await this.#envelope(offered, manner, parts)
    if (leaving?.when === 'before DATA') leave()
    else if (parts.data.startsWith('354')) await this.#text(parts, manner, { leave, course })
    else if (!this.#wire.closed && !this.#wire.silent) await this.#wire.ask('RSET')
    const transaction: Transaction = {
      what: 'transaction',
      letter: letter.id,
      sender: letter.kind,
      attempt: letter.attempts,
      front,
      from: begun,
      prdr: manner.prdr ?? false,
      ...parts,
      ...course,
      end:
        course.left !== undefined
          ? 'left'
          : this.#wire.silent
            ? 'nothing more was said'
            : this.#wire.closed && !isWhole(parts, offered)
              ? 'closed by Rcptwise'
              : 'heard',
      to: clock.now(),
      told: toldIn(parts, this.left),
    }
    this.#how.note(transaction)
    return transaction
  }

  async #envelope(offered: readonly string[], manner: Manner, parts: Parts): Promise<void> {
    const { letter, leaving } = this.#how
    const size = manner.size === true ? ` SIZE=${letter.text.length}` : ''
    const mail = `MAIL FROM:<${letter.reversePath}>${size}${manner.prdr === true ? ' PRDR' : ''}`
    const rcpts = offered.map((address) => `RCPT TO:<${address}>`)
    const wantsData = leaving?.when !== 'before DATA'
    const hear = async (): Promise<string> => (await this.#wire.reply()) ?? ''
    if (manner.pipelines === 'all') {
      const all = [mail, ...rcpts, ...(wantsData ? ['DATA'] : [])]
      this.#wire.send(all.map((line) => `${line}\r\n`).join(''))
      parts.mail = await hear()
      for (const address of offered) parts.rcpts.push([address, await hear()])
      if (wantsData) parts.data = await hear()
      return
    }
    parts.mail = (await this.#wire.ask(mail)) ?? ''
    if (!positive(parts.mail)) return
    if (manner.pipelines === 'rcpts') this.#wire.send(rcpts.map((line) => `${line}\r\n`).join(''))
    for (const [i, address] of offered.entries()) {
      if (manner.pipelines === 'nothing') this.#wire.send(`${rcpts[i] ?? ''}\r\n`)
      const reply = await hear()
      parts.rcpts.push([address, reply])
      if (manner.strict === true && !positive(reply)) return
    }
    if (wantsData && parts.rcpts.some(([, reply]) => positive(reply)))
      parts.data = (await this.#wire.ask('DATA')) ?? ''
  }

  async #text(
    parts: Parts,
    { prdr = false }: Manner,
    { leave, course }: TextCourse,
  ): Promise<void> {
    const { letter, leaving, clock } = this.#how
    const through = parts.rcpts.filter(([, reply]) => positive(reply)).length
    // Pipelined, DATA may be allowed although nobody was accepted: then there is nothing to send.
    const text = through === 0 ? '' : letter.text
    if (leaving?.when === 'in the text') {
      this.#wire.send(text.slice(0, text.length / 2))
      leave()
      return
    }
    this.#wire.send(`${text}.\r\n`)
    if (through > 0) course.dot = clock.now()
    if (leaving?.when === 'while the server thinks' && through > 0) {
      await clock.sleep(thinkingMs)
      leave()
      return
    }
    if (leaving?.when === 'before reading the reply' && through > 0) {
      await this.#wire.something()
      leave()
      return
    }
    const first = await this.#wire.reply()
    if (first !== undefined) parts.text.push(first)
    if (!prdr || first?.startsWith('353') !== true) return
    for (let i = 0; i <= through; i++) {
      const line = await this.#wire.reply()
      if (line === undefined) return
      parts.text.push(line)
    }
  }
}

/**
 * A sender that goes while the server thinks does so this long after its dot; the text says that
 * the server thinks for longer.
 */
const thinkingMs = 150

interface Parts {
  mail: string
  readonly rcpts: (readonly [string, string])[]
  data: string
  readonly text: string[]
}

interface TextCourse {
  readonly leave: () => void
  readonly course: { dot?: number }
}

const through = (parts: Parts): string[] =>
  parts.rcpts.filter(([, reply]) => positive(reply)).map(([address]) => address)

/** Everything that a reply was owed for has one. */
function isWhole(parts: Parts, offered: readonly string[]): boolean {
  if (parts.mail === '') return false
  if (!positive(parts.mail)) return true
  if (parts.rcpts.length < offered.length || parts.rcpts.some(([, reply]) => reply === ''))
    return false
  if (parts.data === '') return through(parts).length === 0
  if (!parts.data.startsWith('354')) return true
  const block = parts.text[0]?.startsWith('353') === true
  return parts.text.length === (block ? through(parts).length + 2 : 1)
}

/**
 * What each recipient was told by a reply that was read. Exim takes the lines of a broken block as
 * they stand.
 */
function toldIn(parts: Parts, left: boolean): (readonly [string, string])[] {
  const told: (readonly [string, string])[] = []
  // What follows a MAIL that was not taken says nothing about recipients (pipelined RCPTs hear
  // 503).
  if (parts.mail !== '' && !positive(parts.mail))
    return parts.rcpts.map(([address]) => [address, parts.mail])
  for (const [address, reply] of parts.rcpts)
    if (reply !== '' && !positive(reply)) told.push([address, reply])
  const accepted = through(parts)
  const [first] = parts.text
  if (first === undefined || left) return told
  if (!first.startsWith('353'))
    return [...told, ...accepted.map((address) => [address, first] as const)]
  const final = parts.text[accepted.length + 1]
  accepted.forEach((address, i) => {
    const line = parts.text[i + 1]
    if (line !== undefined)
      told.push([address, final !== undefined && !positive(final) ? final : line])
  })
  return told
}
