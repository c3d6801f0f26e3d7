/**
 * A sender that puts given octets on the wire, by DATA or in BDAT chunks, and nothing of its own.
 */
import { once } from 'node:events'
import { Client } from '../../support/dialogue.ts'

export interface Letter {
  readonly to: readonly string[]
  readonly text: Buffer
  readonly by: 'DATA' | 'BDAT'
  readonly prdr?: boolean
}

/**
 * Sends a message and gives the reply lines to its text. Throws at the first reply before it that
 * is no yes.
 */
export async function send(
  port: number,
  { to, text, by, prdr = false }: Letter,
): Promise<string[]> {
  const client = await Client.connect(port)
  client.socket.setNoDelay(true)
  try {
    const say = async (command: string): Promise<void> => {
      const reply = await client.ask(command)
      if (!/^[23]/.test(reply)) throw new Error(`${command} was answered: ${reply}`)
    }
    await client.reply()
    await say('EHLO client.test')
    await say(
      `MAIL FROM:<sender@client.test> SIZE=${text.length}${prdr ? ' PRDR' : ''} BODY=8BITMIME`,
    )
    client.send(to.map((address) => `RCPT TO:<${address}>\r\n`).join(''))
    for (const address of to) {
      const [line = ''] = await client.reply()
      if (!line.startsWith('250')) throw new Error(`${address} was answered: ${line}`)
    }
    if (by === 'DATA') {
      await say('DATA')
      await write(client, stuffed(text))
      await write(client, Buffer.from('.\r\n'))
    } else {
      for (const [index, chunk] of chunks(text).entries()) {
        if (index > 0) {
          const reply = await patiently(client)
          if (!reply.startsWith('250')) return [reply]
        }
        const last = chunk.at + chunk.octets.length === text.length ? ' LAST' : ''
        await write(
          client,
          Buffer.concat([Buffer.from(`BDAT ${chunk.octets.length}${last}\r\n`), chunk.octets]),
        )
      }
    }
    return await repliesToText(client, to.length)
  } finally {
    client.close()
  }
}

/** One reply, or 353, a reply for each recipient, and the last one (protocol.md: PRDR). */
async function repliesToText(client: Client, recipients: number): Promise<string[]> {
  const first = await patiently(client)
  if (!first.startsWith('353')) return [first]
  const lines: string[] = []
  for (let count = 0; count <= recipients; count += 1) lines.push(await patiently(client))
  return lines
}

/** A large message takes its time at a busy backend: 150 s. */
async function patiently(client: Client): Promise<string> {
  for (let tries = 1; ; tries += 1) {
    try {
      return (await client.reply()).join('\n')
    } catch (error) {
      if (tries === 5) throw error
    }
  }
}

async function write(client: Client, octets: Buffer): Promise<void> {
  if (!client.socket.write(octets)) await once(client.socket, 'drain')
}

/** RFC 5321 4.5.2. */
function stuffed(text: Buffer): Buffer {
  const parts: Buffer[] = text[0] === 0x2e ? [Buffer.from('.')] : []
  let from = 0
  for (let at = text.indexOf('\r\n.'); at !== -1; at = text.indexOf('\r\n.', from)) {
    parts.push(text.subarray(from, at + 2), Buffer.from('.'))
    from = at + 2
  }
  return Buffer.concat([...parts, text.subarray(from)])
}

/**
 * Chunks that break lines, CRLFs and dots apart where they can: 1, 2, 4, … octets, then what is
 * left.
 */
function chunks(text: Buffer): { readonly at: number; readonly octets: Buffer }[] {
  const list: { at: number; octets: Buffer }[] = []
  for (let at = 0, size = 1; at < text.length; at += size, size *= 2) {
    list.push({ at, octets: text.subarray(at, at + size) })
  }
  return list
}
