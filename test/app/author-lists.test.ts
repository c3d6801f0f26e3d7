/** A list of senders and an author whom a judge vouches for, from the wire to the mailbox. */
import { afterEach, expect, test } from 'vitest'
import type { Fact } from '../../src/facts/fact.ts'
import { scripted } from '../judge/scripted-server.ts'
import { startTestApp } from '../support/app.ts'
import { Client } from '../support/dialogue.ts'

const ends: (() => unknown)[] = []
afterEach(async () => {
  for (const end of ends.splice(0).reverse()) await end()
})

/** What the client hears; with `mode: observe` what the recipient would have wanted. */
async function send(
  symbol: string,
  author: string,
  mode: 'enforce' | 'observe' = 'enforce',
): Promise<string | undefined> {
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
mode: ${mode}
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
    if (mode === 'enforce') return reply.slice(0, 3)
    const observed = (): Fact | undefined =>
      app.facts.find((fact) => fact.kind === 'messageObserved')
    await expect.poll(observed).toBeDefined()
    const fact = observed()
    return fact?.kind === 'messageObserved' ? fact.recipients[0]?.verdict : undefined
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

test.each([
  ['vouched for', 'DMARC_POLICY_ALLOW', 'accept'],
  ['forged', 'DMARC_NA', 'reject'],
])('mode: observe says the same of an author who is %s', async (_of, symbol, verdict) => {
  expect(await send(symbol, 'Shop <news@shop.example>', 'observe')).toBe(verdict)
})
