/**
 * Handing a message to a mail server over SMTP, as a plain client would: one command after the
 * other.
 */
import { connect, type Socket } from 'node:net'

export interface Submission {
  readonly from: string
  readonly to: readonly string[]
  /** Header lines beyond From, To, Subject, Date and Message-ID, such as `X-Spam-Score: 9.5`. */
  readonly headers?: readonly string[]
  readonly subject?: string
  /** Lines separated by LF or CRLF. */
  readonly body?: string
}

/** The message with its header section, in CRLF lines, not dot-stuffed. */
export function composeMessage(submission: Submission): string {
  const { from, to, headers = [], subject = 'lab', body = 'A line.\n' } = submission
  const id = `${process.hrtime.bigint().toString(36)}@lab.test`
  const lines = [
    `From: <${from}>`,
    `To: ${to.map((address) => `<${address}>`).join(',\r\n ')}`,
    `Subject: ${subject}`,
    `Date: ${new Date().toUTCString().replace('GMT', '+0000')}`,
    `Message-ID: <${id}>`,
    ...headers,
    '',
    ...body.replace(/\r?\n$/, '').split(/\r?\n/),
  ]
  return `${lines.join('\r\n')}\r\n`
}

/**
 * Submits and gives the last reply; throws with the server's words when it takes less than all of
 * it.
 */
export async function submitMessage(port: number, submission: Submission): Promise<string> {
  const socket = connect(port, '127.0.0.1')
  socket.setTimeout(30_000, () => socket.destroy(new Error('The mail server is silent for 30 s')))
  const replies = readReplies(socket)
  try {
    await expect(replies, '220', 'the greeting')
    const say = async (command: string, code: string): Promise<string> => {
      socket.write(`${command}\r\n`)
      return await expect(replies, code, command)
    }
    await say('EHLO client.test', '250')
    await say(`MAIL FROM:<${submission.from}>`, '250')
    for (const address of submission.to) await say(`RCPT TO:<${address}>`, '250')
    await say('DATA', '354')
    const taken = await say(`${composeMessage(submission).replaceAll('\r\n.', '\r\n..')}.`, '250')
    await say('QUIT', '221')
    return taken
  } finally {
    socket.destroy()
  }
}

async function expect(replies: AsyncIterator<string>, code: string, what: string): Promise<string> {
  const next = await replies.next()
  if (next.done === true) throw new Error(`The mail server hung up on ${what.slice(0, 80)}`)
  if (!next.value.startsWith(code))
    throw new Error(`${what.slice(0, 80)} was answered: ${next.value}`)
  return next.value
}

async function* readReplies(socket: Socket): AsyncGenerator<string> {
  let text = ''
  for await (const chunk of socket) {
    text += (chunk as Buffer).toString('latin1')
    for (;;) {
      const end = /^\d{3}(?: [^\r\n]*)?\r\n/m.exec(text)
      if (end === null) break
      const length = end.index + end[0].length
      yield text.slice(0, length).trimEnd()
      text = text.slice(length)
    }
  }
}
