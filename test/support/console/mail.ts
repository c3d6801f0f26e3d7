/**
 * A client for the console's scene: one attempt is one connection, and XCLIENT says whose it is, so
 * that senders have names and addresses of their own on one machine.
 */
import { once } from 'node:events'
import { connect } from 'node:net'

export interface Letter {
  readonly from: string
  readonly to: readonly string[]
  readonly subject: string
  /** Of the scanner in front. */
  readonly score: number
  readonly messageId: string
  readonly rdns: string
  readonly address: string
  readonly prdr?: boolean
}

/** Final replies by recipient: those without one have to be offered again. */
export type Fates = Map<string, string>

export async function sendLetter(port: number, letter: Letter, fates: Fates): Promise<void> {
  await using conversation = await Conversation.begin(port)
  const { from, to, rdns, address, prdr = false } = letter
  await conversation.replies(1)
  await conversation.ask(['EHLO proxy.test'])
  await conversation.ask([`XCLIENT NAME=${rdns} ADDR=${address} HELO=${rdns} PROTO=ESMTP`])
  await conversation.ask([`EHLO ${rdns}`])
  const open = to.filter((recipient) => !fates.has(recipient))
  const [mail = '', ...rcpts] = await conversation.ask([
    `MAIL FROM:<${from}>${prdr ? ' PRDR' : ''}`,
    ...open.map((recipient) => `RCPT TO:<${recipient}>`),
  ])
  if (!mail.startsWith('2')) return
  for (const [i, reply] of rcpts.entries())
    if (reply.startsWith('5')) fates.set(open[i] ?? '', reply)
  const through = open.filter((_, i) => rcpts[i]?.startsWith('2') === true)
  if (through.length === 0) return
  if (!(await conversation.ask(['DATA']))[0]?.startsWith('354')) return
  conversation.send(`${textOf(letter)}\r\n.\r\n`)
  const [said = ''] = await conversation.replies(1)
  const each = said.startsWith('353') ? await conversation.replies(through.length) : undefined
  for (const [i, recipient] of through.entries()) {
    const reply = each?.[i] ?? said
    if (/^[25]/.test(reply)) fates.set(recipient, reply)
  }
}

const textOf = ({ from, subject, score, messageId }: Letter): string =>
  [
    `From: <${from}>`,
    `Subject: ${subject}`,
    `Message-ID: ${messageId}`,
    'Date: Mon, 30 Nov 2026 12:00:00 +0000',
    `X-Scene-Score: ${score}`,
    `X-Spam-Score: ${score}`,
    `X-Spam-Status: ${score >= 5 ? 'Yes' : 'No'}, score=${score}`,
    '',
    'Good day,',
    'everything must go.',
  ].join('\r\n')

class Conversation implements AsyncDisposable {
  readonly #socket
  #lines = ''
  #wake: () => void = () => undefined

  private constructor(port: number) {
    this.#socket = connect(port, '127.0.0.1')
    this.#socket.setNoDelay(true)
    this.#socket.on('data', (data) => {
      this.#lines += data.toString('latin1')
      this.#wake()
    })
    this.#socket.on('close', () => this.#wake())
    this.#socket.on('error', () => undefined)
  }

  static async begin(port: number): Promise<Conversation> {
    const conversation = new Conversation(port)
    await once(conversation.#socket, 'connect')
    return conversation
  }

  send(text: string): void {
    this.#socket.write(text, 'utf8')
  }

  /** Pipelined; the last line of each reply. */
  async ask(commands: readonly string[]): Promise<string[]> {
    this.send(commands.map((command) => `${command}\r\n`).join(''))
    return await this.replies(commands.length)
  }

  async replies(count: number): Promise<string[]> {
    const found: string[] = []
    while (found.length < count) {
      const end = /^(?:\d{3}-.*\r\n)*(\d{3} .*)\r\n/.exec(this.#lines)
      if (end !== null) {
        found.push(end[1] ?? '')
        this.#lines = this.#lines.slice(end[0].length)
        continue
      }
      if (this.#socket.closed || this.#socket.readableEnded) throw new Error('the server has gone')
      const { promise, resolve } = Promise.withResolvers<undefined>()
      this.#wake = () => resolve(undefined)
      await promise
    }
    return found
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#socket.end('QUIT\r\n')
    this.#socket.destroySoon()
    await Promise.resolve()
  }
}
