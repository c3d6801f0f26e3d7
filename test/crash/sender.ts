/**
 * A sender as RFC 5321 has it: it keeps the message until each recipient has been answered for
 * good, and tries again after everything else: a 4yz, a lost connection, no answer. It takes its
 * last recipients to the end, however often it has to try.
 */
import { Client } from '../support/dialogue.ts'

export interface Message {
  readonly from: string
  readonly to: readonly string[]
  /** CRLF lines, dots stuffed. */
  readonly text: string
  /** It asks for a reply per recipient. */
  readonly prdr?: boolean
}

export interface Sender {
  /** Recipient to the final reply it was given. */
  readonly answered: Map<string, string>
  readonly open: () => string[]
  /** One attempt for those who are open; resolves when it is over, whatever came of it. */
  attempt(port: number): Promise<void>
}

export function senderOf(message: Message): Sender {
  const answered = new Map<string, string>()
  const open = (): string[] => message.to.filter((recipient) => !answered.has(recipient))
  return {
    answered,
    open,
    async attempt(port) {
      const client = await Client.connect(port).catch(() => undefined)
      if (client === undefined) return
      try {
        await converse(client, message, open(), (recipient, reply) => {
          if (/^[25]/.test(reply)) answered.set(recipient, reply)
        })
      } finally {
        client.close()
      }
    },
  }
}

/** Lock-step, so that a crash at a step is a crash at that step. */
async function converse(
  client: Client,
  { from, text, prdr = false }: Message,
  to: readonly string[],
  answer: (recipient: string, reply: string) => void,
): Promise<void> {
  const reply = async (): Promise<string> => (await client.reply()).join('\n')
  if (!(await reply()).startsWith('220')) return
  if (!(await client.ask('EHLO client.test')).startsWith('250')) return
  const mail = `MAIL FROM:<${from}>${prdr ? ' PRDR' : ''}`
  if (!(await client.ask(mail)).startsWith('250')) return
  client.send(to.map((recipient) => `RCPT TO:<${recipient}>\r\n`).join(''))
  const through: string[] = []
  for (const recipient of to) {
    const said = await reply()
    if (said.startsWith('250')) through.push(recipient)
    else if (said.startsWith('5')) answer(recipient, said)
  }
  if (through.length === 0 || !(await client.ask('DATA')).startsWith('354')) return
  client.send(`${text}.\r\n`)
  const said = await reply()
  const each = said.startsWith('353')
  for (const recipient of through) answer(recipient, each ? await reply() : said)
}

/** Attempts until everyone is answered; throws after too many, with what is known. */
export async function untilAnswered(sender: Sender, port: number): Promise<void> {
  for (let attempts = 0; sender.open().length > 0; attempts++) {
    if (attempts > 20) throw new Error(`never answered: ${sender.open().join(', ')}`)
    await sender.attempt(port)
  }
}
