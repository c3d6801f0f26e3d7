/**
 * Sending MTAs over real sockets, scripted from what was measured and read of them (docs: senders):
 * how they offer recipients, and what they make of each reply. One call of `attempt` is one
 * connection; a queue runner is whoever calls it again. `senders.ts` has more of them against the
 * machine alone.
 */
import { Client } from './dialogue.ts'

export const socketSenderKinds = ['haraka', 'nullmailer', 'kumomta'] as const
export type SocketSenderKind = (typeof socketSenderKinds)[number]

export interface QueuedMessage {
  readonly from: string
  /** With CRLF, dots not stuffed. */
  readonly text: string
  /** Who has no answer yet, in the order of the envelope. */
  open: string[]
  /** Reports to the sender, one a recipient: the reply that made it. */
  readonly bounced: Map<string, string[]>
}

export const enqueue = (
  from: string,
  text: string,
  recipients: readonly string[],
): QueuedMessage => ({
  from,
  text,
  open: [...recipients],
  bounced: new Map(),
})

/** One attempt at everyone who is open, over a connection of its own. */
export async function attempt(
  kind: SocketSenderKind,
  port: number,
  message: QueuedMessage,
): Promise<void> {
  const client = await Client.connect(port)
  try {
    await client.reply()
    await client.ask(`EHLO ${kind}.test`)
    switch (kind) {
      case 'haraka':
        await haraka(client, message)
        break
      case 'nullmailer':
        await nullmailer(client, message)
        break
      case 'kumomta':
        while (await kumomta(client, message));
        break
    }
    await client.ask('QUIT')
  } finally {
    client.close()
  }
}

interface Heard {
  readonly mail: string
  /** By recipient, in the order of the envelope. */
  readonly rcpts: ReadonlyMap<string, string>
  /** Nobody was accepted, or the sender gave up: no text was sent. */
  readonly text: string | undefined
}

/** `strict`: leaves at the first RCPT that is not accepted. */
async function transact(client: Client, message: QueuedMessage, strict: boolean): Promise<Heard> {
  // Haraka declares the size (interop/haraka-client), nullmailer does not; KumoMTA is taken to.
  const size = strict ? '' : ` SIZE=${message.text.length}`
  const mail = await client.ask(`MAIL FROM:<${message.from}>${size}`)
  const rcpts = new Map<string, string>()
  if (!isYes(mail)) return { mail, rcpts, text: undefined }
  for (const address of message.open) {
    const said = await client.ask(`RCPT TO:<${address}>`)
    rcpts.set(address, said)
    if (strict && !isYes(said)) return { mail, rcpts, text: undefined }
  }
  if (![...rcpts.values()].some(isYes)) {
    await client.ask('RSET')
    return { mail, rcpts, text: undefined }
  }
  const go = await client.ask('DATA')
  if (!go.startsWith('354')) return { mail, rcpts, text: go }
  return { mail, rcpts, text: await client.ask(`${message.text.replace(/^\./gm, '..')}.`) }
}

/** Only exactly 250 is a yes to these three (protocol-reference: 2yz other than 250). */
const isYes = (reply: string): boolean => reply.startsWith('250')
const isNo = (reply: string): boolean => reply.startsWith('5')

function bounce(message: QueuedMessage, addresses: readonly string[], reply: string): void {
  for (const address of addresses)
    message.bounced.set(address, [...(message.bounced.get(address) ?? []), reply])
  message.open = message.open.filter((address) => !addresses.includes(address))
}

/** Which of the recipients were given such a reply at RCPT. */
const those = (heard: Heard, test: (reply: string) => boolean): string[] =>
  [...heard.rcpts].filter(([, reply]) => test(reply)).map(([address]) => address)

/**
 * Haraka 3: one recipient after the other; those with 4yz become a message of their own, those with
 * 5yz a bounce, but only when the rest was delivered or nobody was accepted. A 5yz to MAIL, DATA or
 * the text bounces everyone, a 4yz keeps everyone.
 */
async function haraka(client: Client, message: QueuedMessage): Promise<void> {
  const heard = await transact(client, message, false)
  const whole = heard.text ?? heard.mail
  if (isNo(whole)) bounce(message, message.open, whole)
  if (!isYes(whole)) return
  for (const address of those(heard, isNo))
    bounce(message, [address], heard.rcpts.get(address) ?? '')
  const delivered = heard.text === undefined ? [] : those(heard, isYes)
  message.open = message.open.filter((address) => !delivered.includes(address))
}

/**
 * nullmailer 2: all or nothing. The first 4yz leaves the whole message in the queue, the first 5yz
 * bounces all of it.
 */
async function nullmailer(client: Client, message: QueuedMessage): Promise<void> {
  const heard = await transact(client, message, true)
  const last = heard.text ?? [...heard.rcpts.values()].at(-1) ?? heard.mail
  if (isNo(last)) bounce(message, message.open, last)
  else if (isYes(last)) message.open = []
}

/**
 * KumoMTA: offers those with 4yz again at once, in the same connection, for as long as somebody is
 * accepted. A 5yz to the text loses the others too, as in Stalwart and mox. True: another
 * transaction is to follow.
 */
async function kumomta(client: Client, message: QueuedMessage): Promise<boolean> {
  const heard = await transact(client, message, false)
  for (const address of those(heard, isNo))
    bounce(message, [address], heard.rcpts.get(address) ?? '')
  const { text } = heard
  if (text === undefined) return false
  if (isNo(text)) bounce(message, message.open, text)
  if (!isYes(text)) return false
  const delivered = those(heard, isYes)
  message.open = message.open.filter((address) => !delivered.includes(address))
  return message.open.length > 0
}
