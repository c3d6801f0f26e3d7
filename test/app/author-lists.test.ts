/** A list of senders and an author whom a judge vouches for, from the wire to the mailbox. */
import { afterEach, expect, test } from 'vitest'
import { scripted } from '../judge/scripted-server.ts'
import { startTestApp } from '../support/app.ts'
import { Client } from '../support/dialogue.ts'

const ends: (() => unknown)[] = []
afterEach(async () => {
  for (const end of ends.splice(0).reverse()) await end()
})

async function send(symbol: string, author: string): Promise<string> {
  const said = JSON.stringify({
    score: 20,
    action: 'no action',
    symbols: { [symbol]: { score: 1 } },
  })
  const server = await scripted(
    (socket, request) => {
      if (!request.endsWith('end of text\r\n')) return
      socket.end(`HTTP/1.1 200 OK\r\ncontent-length: ${said.length}\r\n\r\n${said}`)
    },
    { ends },
  )
  await using app = await startTestApp({
    config: `
judges: [{ rspamd: { url: "${server.url}" } }]
policies: { friends: { reject_at: 5, accept_senders: ["@shop.example"] } }
recipients: { default: friends }
`,
  })
  const client = await Client.connect(app.port)
  try {
    await client.reply()
    await client.ask('EHLO client.test')
    await client.ask('MAIL FROM:<bounce-17@mailer.example.net>')
    await client.ask('RCPT TO:<ann@example.org>')
    await client.ask('DATA')
    const reply = await client.ask(`Subject: x\r\nFrom: ${author}\r\n\r\nend of text\r\n.`)
    return reply.slice(0, 3)
  } finally {
    client.close()
  }
}

test.each([
  ['vouched for', 'DMARC_POLICY_ALLOW', 'Shop <news@shop.example>', '250'],
  ['forged', 'DMARC_NA', 'Shop <news@shop.example>', '550'],
  ['of somebody else', 'DMARC_POLICY_ALLOW', 'Shop <news@other.example>', '550'],
])('an author who is %s', async (_of, symbol, author, code) => {
  expect(await send(symbol, author)).toBe(code)
})
