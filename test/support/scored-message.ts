/** A message with a score to many recipients at once, and what the client hears for each. */
import type { TestApp } from './app.ts'
import { Client } from './dialogue.ts'

/**
 * Over PRDR; the codes in the order of the recipients: those for the text, or those at RCPT for who
 * was not let through. Every header with a score is believed (`startTestApp`).
 */
export async function sendScored(
  { port }: Pick<TestApp, 'port'>,
  score: number,
  ...recipients: readonly string[]
): Promise<string[]> {
  const client = await Client.connect(port)
  try {
    await client.reply()
    await client.ask('EHLO client.test')
    await client.ask('MAIL FROM:<s@x.test> PRDR')
    client.send(recipients.map((one) => `RCPT TO:<${one}>\r\n`).join(''))
    const offered = await repliesOf(client, recipients.length)
    const through = offered.filter(isThrough).length
    if (through === 0) return offered
    await client.ask('DATA')
    client.send(
      `Subject: x\r\nX-Spam-Score: ${score}\r\nMessage-ID: <${Math.random()}@x>\r\n\r\nx\r\n.\r\n`,
    )
    const [first = ''] = await client.reply()
    const told = first.startsWith('353') ? await repliesOf(client, through) : undefined
    return offered.map((code) => (isThrough(code) ? (told?.shift() ?? first.slice(0, 3)) : code))
  } finally {
    client.close()
  }
}

async function repliesOf(client: Client, count: number): Promise<string[]> {
  const replies: string[] = []
  while (replies.length < count) replies.push(...(await client.reply()))
  return replies.map((reply) => reply.slice(0, 3))
}

const isThrough = (code: string): boolean => code.startsWith('2')
