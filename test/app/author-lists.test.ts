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

interface Sending {
  readonly mode?: 'enforce' | 'observe'
  /** Of the recipient. */
  readonly wishes?: string
  readonly score?: number
  readonly sender?: string
  readonly recipient?: string
}

/** What the client hears; with `mode: observe` what the recipient would have wanted. */
async function send(
  symbol: string,
  author: string,
  {
    mode = 'enforce',
    wishes = 'reject_at: 5',
    score = 20,
    sender = 'bounce-17@mailer.example.net',
    recipient = 'ann@example.org',
  }: Sending = {},
): Promise<string | undefined> {
  const said = JSON.stringify({
    score,
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
policies: { friends: { ${wishes}, accept_senders: ["@shop.example"] } }
recipients: { default: friends }
`,
  })
  const client = await Client.connect(app.port)
  try {
    await client.reply()
    await client.ask('EHLO client.test')
    await client.ask(`MAIL FROM:<${sender}>`)
    await client.ask(`RCPT TO:<${recipient}>`)
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
  expect(await send(symbol, 'Shop <news@shop.example>', { mode: 'observe' })).toBe(verdict)
})

const eve = 'Eve <eve@other.example>'
const shop = 'Shop <news@shop.example>'

test.each<{ of: string; symbol?: string; author: string; sending?: Sending; code: string }>([
  { of: 'an author who is known', symbol: 'DMARC_POLICY_ALLOW', author: shop, code: '250' },
  { of: 'a forged author', author: shop, code: '550' },
  {
    of: 'a reverse-path that is known',
    author: eve,
    sending: { sender: 'b@shop.example' },
    code: '250',
  },
  { of: 'a stranger', symbol: 'DMARC_POLICY_ALLOW', author: eve, code: '550' },
  { of: 'a report', author: 'mailer-daemon@other.example', sending: { sender: '' }, code: '250' },
  {
    of: 'a stranger, to the postmaster',
    author: eve,
    sending: { recipient: 'Postmaster@example.org' },
    code: '250',
  },
  {
    of: 'a stranger, to the postmaster without a domain',
    author: eve,
    sending: { recipient: 'postmaster' },
    code: '250',
  },
])(
  'policies.md: “postmaster takes mail from strangers, whatever the policy of its domain says (RFC 5321 4.5.1).” known_senders_only: $of',
  async ({ symbol = 'DMARC_NA', author, sending, code }) => {
    const wishes = 'known_senders_only: true'
    expect(await send(symbol, author, { wishes, score: 0, ...sending })).toBe(code)
  },
)
