/**
 * The two clients of the demonstration: real sockets, and what they do with the replies is what
 * real MTAs do.
 */
import { writeOctets } from '../smtp/octets.ts'
import { connect, type Socket } from 'node:net'

export type Say = (line: string) => void

/** One connection; every line in both directions is told. */
class Conversation {
  readonly #socket: Socket
  readonly #say: Say
  #buffer = ''
  #wake: () => void = () => undefined

  constructor(socket: Socket, say: Say) {
    this.#socket = socket
    this.#say = say
    socket.on('data', (data: Buffer) => {
      this.#buffer += data.toString('latin1')
      this.#wake()
    })
  }

  static async open(port: number, say: Say): Promise<Conversation> {
    const socket = connect(port, '127.0.0.1')
    await new Promise<void>((resolve, reject) => {
      socket.once('connect', resolve).once('error', reject)
    })
    return new Conversation(socket, say)
  }

  send(lines: readonly string[]): void {
    for (const line of lines) this.#say(`C: ${line}`)
    writeOctets(this.#socket, lines.map((line) => `${line}\r\n`).join(''))
  }

  /** The last line of the next reply. */
  async reply(): Promise<string> {
    for (;;) {
      const end = this.#buffer.indexOf('\r\n')
      if (end === -1) {
        await new Promise<void>((resolve) => {
          this.#wake = resolve
        })
        continue
      }
      const line = this.#buffer.slice(0, end)
      this.#buffer = this.#buffer.slice(end + 2)
      this.#say(`S: ${line}`)
      if (line[3] !== '-') return line
    }
  }

  end(): void {
    this.#socket.end()
  }
}

export interface Message {
  readonly from: string
  readonly text: readonly string[]
}

/** What the client knows of each recipient in the end. */
export type Fates = ReadonlyMap<string, string>

async function offer(
  conversation: Conversation,
  mail: string,
  recipients: readonly string[],
): Promise<string[]> {
  conversation.send([mail, ...recipients.map((recipient) => `RCPT TO:<${recipient}>`), 'DATA'])
  await conversation.reply()
  const replies: string[] = []
  for (let i = 0; i < recipients.length; i++) replies.push(await conversation.reply())
  await conversation.reply() // to DATA
  return replies
}

async function greet(conversation: Conversation): Promise<void> {
  await conversation.reply()
  conversation.send(['EHLO client.example'])
  await conversation.reply()
}

/**
 * A client that speaks PRDR, as Exim does: one transaction, one reply per recipient after the text.
 */
export async function sendByPrdr(
  port: number,
  message: Message,
  recipients: readonly string[],
  say: Say,
): Promise<Fates> {
  const conversation = await Conversation.open(port, say)
  await greet(conversation)
  await offer(conversation, `MAIL FROM:<${message.from}> PRDR`, recipients)
  conversation.send([...message.text, '.'])
  const fates = new Map<string, string>()
  const first = await conversation.reply()
  if (first.startsWith('353')) {
    for (const recipient of recipients) fates.set(recipient, await conversation.reply())
    await conversation.reply()
  } else for (const recipient of recipients) fates.set(recipient, first)
  conversation.send(['QUIT'])
  await conversation.reply()
  conversation.end()
  return fates
}

export interface LegacyResult {
  readonly fates: Fates
  readonly attempts: number
}

/**
 * A client that knows only one answer per message, as most do: sends to those who were let through,
 * keeps the deferred ones in its queue, and comes back for them when the hint says so. `wait` is
 * told how many seconds.
 */
export async function sendByRetrying(
  port: number,
  message: Message,
  recipients: readonly string[],
  {
    say,
    wait,
  }: { readonly say: Say; readonly wait: (attempt: number, seconds: number) => Promise<void> },
): Promise<LegacyResult> {
  const fates = new Map<string, string>()
  let open = [...recipients]
  let attempts = 0
  while (open.length > 0 && attempts < 10) {
    attempts++
    const conversation = await Conversation.open(port, say)
    await greet(conversation)
    const replies = await offer(conversation, `MAIL FROM:<${message.from}>`, open)
    const through = open.filter((_, i) => replies[i]?.startsWith('250'))
    open.forEach((recipient, i) => fates.set(recipient, replies[i] ?? ''))
    if (through.length > 0) {
      conversation.send([...message.text, '.'])
      const answer = await conversation.reply()
      for (const recipient of through) fates.set(recipient, answer)
    }
    conversation.send(['QUIT'])
    await conversation.reply()
    conversation.end()
    open = open.filter((recipient) => fates.get(recipient)?.startsWith('4'))
    const hint = [...fates.values()]
      .map((reply) => /again in ([0-9]+) seconds/.exec(reply)?.[1])
      .find((seconds) => seconds !== undefined)
    if (open.length > 0) await wait(attempts, Number(hint ?? 1))
  }
  return { fates, attempts }
}
