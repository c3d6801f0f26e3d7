/**
 * A legacy sender with several MX hosts: one transaction an attempt, each at the next host, until
 * every recipient has an answer.
 */
import { Client } from '../../support/dialogue.ts'

export interface Outcome {
  readonly delivered: readonly string[]
  readonly refused: readonly string[]
  /** Replies to each recipient's RCPT and to the text, by attempt. */
  readonly attempts: readonly Attempt[]
}

export interface Attempt {
  readonly rcpt: ReadonlyMap<string, string>
  readonly text: string | undefined
}

export interface Sending {
  /** Ports of the hosts, tried in turn. */
  readonly hosts: readonly number[]
  /** `s@example.net` unless set. */
  readonly from?: string
  readonly recipients: readonly string[]
  /** From the header section on, with CRLF. */
  readonly message: string
  /** Called before each attempt but the first. */
  readonly beforeRetry?: (attempt: number) => Promise<void>
  readonly mostAttempts?: number
}

/** RFC 5321 4.5.4.1: who was answered 4yz is tried again, who was answered 5yz is given up. */
export async function sendWithRetries({
  mostAttempts = 10,
  ...sending
}: Sending): Promise<Outcome> {
  const open = new Set(sending.recipients)
  const [delivered, refused, attempts]: [string[], string[], Attempt[]] = [[], [], []]
  while (open.size > 0 && attempts.length < mostAttempts) {
    if (attempts.length > 0) await sending.beforeRetry?.(attempts.length)
    const port = sending.hosts[attempts.length % sending.hosts.length] ?? 0
    const attempt = await tryOnce(port, [...open], sending)
    attempts.push(attempt)
    for (const [recipient, reply] of attempt.rcpt) {
      const answer = reply.startsWith('2') ? (attempt.text ?? '4') : reply
      if (answer.startsWith('4')) continue
      open.delete(recipient)
      if (answer.startsWith('2')) delivered.push(recipient)
      else refused.push(recipient)
    }
  }
  return { delivered, refused, attempts }
}

async function tryOnce(
  port: number,
  recipients: readonly string[],
  { message, from = 's@example.net' }: Pick<Sending, 'message' | 'from'>,
): Promise<Attempt> {
  const client = await Client.connect(port)
  try {
    await client.reply()
    await client.ask('EHLO client.test')
    const commands = [
      `MAIL FROM:<${from}>`,
      ...recipients.map((recipient) => `RCPT TO:<${recipient}>`),
      'DATA',
    ]
    client.send(commands.map((command) => `${command}\r\n`).join(''))
    await client.reply()
    const rcpt = new Map<string, string>()
    for (const recipient of recipients) rcpt.set(recipient, (await client.reply()).join('\n'))
    const go = (await client.reply()).join('\n')
    if (!go.startsWith('354')) return { rcpt, text: undefined }
    return { rcpt, text: await client.ask(`${message}\r\n.`) }
  } finally {
    client.close()
  }
}
