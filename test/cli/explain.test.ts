/** `rcptwise explain`: its page, what it leaves alone, and what it says of mistakes. */
import { spawn } from 'node:child_process'
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { createServer as createHttpServer, type Server } from 'node:http'
import { type AddressInfo, createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { startTestApp } from '../support/app.ts'

const root = join(import.meta.dirname, '..', '..')
const main = join(root, 'src', 'cli', 'main.ts')
let directory: string
let rspamd: Server
/** What rspamd was told as the id of a message. */
const told: (string | undefined)[] = []
let answer: object
/** Connections to the server behind. */
let connections = 0
const backend = createServer((socket) => {
  connections++
  socket.destroy()
})

const scored = (score: number): object => ({
  score,
  required_score: 15,
  action: 'add header',
  symbols: {
    BAYES_SPAM: { score: 5.1 },
    R_SPF_ALLOW: { score: -0.2 },
    FORGED_SENDER: { score: 0.3 },
  },
})

const message = `Message-ID: <spring@example.net>
From: news@example.net
To: ann@example.org, bob@example.org
Subject: Spring sale

Everything must go.
`

async function listening(server: Server | ReturnType<typeof createServer>): Promise<number> {
  await new Promise<void>((resolve) => {
    server.listen(0, '127.0.0.1', resolve)
  })
  return (server.address() as AddressInfo).port
}

beforeAll(async () => {
  directory = mkdtempSync(join(tmpdir(), 'rcptwise-explain-'))
  rspamd = createHttpServer((request, response) => {
    told.push(request.headers['queue-id']?.toString())
    request.resume().on('end', () => response.end(JSON.stringify(answer)))
  })
  writeConfig('config.yaml', `rspamd: { url: "http://127.0.0.1:${await listening(rspamd)}" }`)
  writeConfig('down.yaml', 'rspamd: { url: "http://127.0.0.1:1", on_failure: defer }')
  writeFileSync(join(directory, 'recipients.yaml'), 'bob@example.org: strict\n')
  writeFileSync(join(directory, 'message.eml'), message)
  await listening(backend)
})
afterAll(() => {
  rspamd.close()
  backend.close()
  rmSync(directory, { recursive: true })
})

function writeConfig(name: string, judge: string, more = 'admin: off'): void {
  writeFileSync(
    join(directory, name),
    `hostname: mx.example.org
relay_domains: [example.org]
backend: { servers: ["smtp://127.0.0.1:${(backend.address() as AddressInfo | null)?.port ?? 1}"] }
${more}
trusted: []
recipients:
  default: careful
  sources: [{ file: recipients.yaml }]
judges:
  - ${judge}
peers: [{ name: default, strategy: late }]
`,
  )
}

interface Ran {
  readonly code: number
  readonly out: string
  readonly error: string
}

async function run(args: readonly string[], stdin = ''): Promise<Ran> {
  const child = spawn(process.execPath, [main, 'explain', ...args], { cwd: directory })
  child.stdin.end(stdin)
  const [out, error, code] = await Promise.all([
    text(child.stdout),
    text(child.stderr),
    new Promise<number>((resolve) => child.on('close', (status) => resolve(status ?? -1))),
  ])
  return { code, out, error }
}

async function text(stream: NodeJS.ReadableStream): Promise<string> {
  let all = ''
  for await (const chunk of stream) all += String(chunk)
  return all
}

const usual = [
  ...['--config', 'config.yaml', '--from', 'news@example.net', '--client', '192.0.2.7'],
  ...['--helo', 'mx.example.net', '--to', 'ann@example.org,bob@example.org', 'message.eml'],
]

/** What differs from day to day. */
const settled = (out: string): string =>
  out
    .replaceAll(directory, '/etc/rcptwise')
    .replaceAll(/explain-[a-z2-7]{16}/g, 'explain-q7m2c5xkznw4jd3a')
    .replaceAll(/after [\d.]+ s\b/g, 'after 0.214 s')

test('docs/explain.md shows what explain says, word for word', async () => {
  answer = scored(9.2)
  const { code, out, error } = await run(usual)
  expect(error).toBe('')
  expect(code).toBe(0)
  const page = readFileSync(join(root, 'docs', 'explain.md'), 'utf8')
  const shown = /made by test\/cli\/explain\.test\.ts -->\n\n```text\n([^]*?)```/.exec(page)?.[1]
  expect(shown).toBe(settled(out))
})

test('explain.md: “It delivers nothing, and does not connect to your server.” “It writes nothing into the ledger, teaches auto nothing, and counts in no metric.”', async () => {
  answer = scored(9.2)
  const before = readdirSync(directory)
  await run(usual)
  expect(connections).toBe(0)
  expect(readdirSync(directory)).toEqual(before)
})

test('explain.md: “Each judge is asked once, as for mail.” “The id that a judge is told begins with explain-, and the output names it.”', async () => {
  answer = scored(9.2)
  told.length = 0
  const { out } = await run([...usual, '--strategy', 'all'])
  expect(told).toHaveLength(1)
  expect(told[0]).toMatch(/^explain-[a-z2-7]{16}\.1$/)
  expect(out).toContain(told[0] ?? '?')
})

test('JSON says the same, of a message from stdin', async () => {
  answer = scored(9.2)
  const { out, code } = await run(
    [...usual.slice(0, -1), '--json', '--strategy', 'group', '-'],
    message,
  )
  expect(code).toBe(0)
  expect(JSON.parse(out)).toMatchObject({
    message: { messageId: '<spring@example.net>', from: 'news@example.net' },
    peer: { class: 'default', strategy: 'late', trusted: false },
    serve: { notAsked: 'the configuration has no admin API' },
    recipients: [
      { address: 'ann@example.org', group: 1 },
      { address: 'bob@example.org', group: 2 },
    ],
    judges: [
      {
        judge: 'rspamd',
        score: 9.2,
        weighs: true,
        symbols: ['BAYES_SPAM', 'FORGED_SENDER', 'R_SPF_ALLOW'],
      },
    ],
    verdicts: [
      { address: 'ann@example.org', verdict: 'tag', reason: { because: 'tag_at' } },
      { address: 'bob@example.org', verdict: 'reject', reason: { because: 'reject_at' } },
    ],
    prdr: { ends: 'answered', attempts: [{ inBlock: true }] },
    legacy: [
      { strategy: 'late', ends: 'answered' },
      { asked: 'group', strategy: 'group', ends: 'answered', attempts: [{}, { afterSeconds: 60 }] },
    ],
  })
})

describe('explain.md: “table under When something is wrong”', () => {
  const but = (change: Readonly<Record<string, string>>): string[] =>
    usual.map(
      (word, i) =>
        change[usual[i - 1] ?? ''] ?? (word === 'message.eml' ? (change['file'] ?? word) : word),
    )

  test.each([
    [
      'a file that is not there',
      but({ file: 'none.eml' }),
      /^error: none\.eml can't be read: .*ENOENT/,
    ],
    ['an empty file', but({ file: '/dev/null' }), /is empty: expected a message/],
    [
      'no address',
      but({ '--to': 'ann' }),
      /^error: "ann" is no address: expected user@example\.org/,
    ],
    ['nobody', but({ '--to': ' , ' }), /^error: --to names nobody/],
    ['no sender', but({ '--from': 'a b' }), /^error: "a b" is no address/],
    [
      'no address of a client',
      but({ '--client': '192.0.2.300' }),
      /^error: --client: "192\.0\.2\.300" is no address/,
    ],
    ['no name', but({ '--helo': 'a b' }), /^error: --helo: "a b" is no name/],
    [
      'no strategy',
      [...usual, '--strategy', 'fast'],
      /^error: --strategy: "fast" is none: expected single, group/,
    ],
    [
      'a name that would colour the terminal',
      but({ '--to': '\x1b[31m' }),
      /^error: "\\u001b\[31m" is no address/,
    ],
  ])('%s is said, with exit code 2', async (_what, args, says) => {
    const { code, out, error } = await run(args)
    expect(error).toMatch(says)
    expect(out).toBe('')
    expect(code).toBe(2)
  })

  test('a judge that does not answer is named, and it goes on as on_failure says', async () => {
    const { code, out } = await run(but({ '--config': 'down.yaml' }))
    expect(out).toMatch(/rspamd {2}failed after [\d.]+ s: 127\.0\.0\.1:1: ECONNREFUSED/)
    expect(out).toContain('on_failure: defer: everyone has to wait')
    expect(out).toMatch(/text +451 /)
    expect(out).toContain('and so on: who is told 4yz here waits for no other recipient')
    expect(code).toBe(7)
  })

  test('a domain that is none of ours hears what RCPT says', async () => {
    answer = scored(1)
    const { code, out } = await run(but({ '--to': 'x@else.where' }))
    expect(out).toMatch(/RCPT x@else\.where +550 5\.7\.1 Mail for else\.where is not accepted here/)
    expect(code).toBe(0)
  })

  test('a message above the limit hears what MAIL says, and no judge is asked', async () => {
    told.length = 0
    writeFileSync(
      join(directory, 'small.yaml'),
      `${readFileSync(join(directory, 'config.yaml'), 'utf8')}limits: { message_size: 64KiB }\n`,
    )
    writeFileSync(join(directory, 'large.eml'), `${message}${'x'.repeat(70)}\n`.repeat(1000))
    const { code, out, error } = await run(but({ '--config': 'small.yaml', file: 'large.eml' }))
    expect(error).toBe('')
    expect(out).toMatch(/MAIL +552 /)
    expect(told).toEqual([])
    expect(code).toBe(0)
  })
})

test('explain.md: “If the configuration has an admin API, explain asks it what the configuration does not say: strategies that were set at run time, and what auto has learned of senders.”', async () => {
  answer = scored(9.2)
  await using serve = await startTestApp({ config: 'peers: [{ name: default, strategy: auto }]' })
  const admin = `127.0.0.1:${serve.app.admin?.port ?? 0}`
  const { url } = judgeOf('config.yaml') ?? {}
  writeConfig('running.yaml', `rspamd: { url: "${url ?? ''}" }`, `admin: { listen: "${admin}" }`)
  const ofRunning = usual.map((word) => (word === 'config.yaml' ? 'running.yaml' : word))
  const before = await run(ofRunning)
  expect(before.out).toContain(`asked at http://${admin}`)
  expect(before.out).toContain('strategy late')
  await fetch(`http://${admin}/api/v1/peers/default/strategy`, {
    method: 'PUT',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ strategy: 'single' }),
  })
  const after = await run(ofRunning)
  expect(after.out).toContain('strategy single')
})

test('the one sender is asked for, however many others are known', async () => {
  answer = scored(9.2)
  await using serve = await startTestApp({ config: 'peers: [{ name: default, strategy: auto }]' })
  const admin = `127.0.0.1:${serve.app.admin?.port ?? 0}`
  const { url } = judgeOf('config.yaml') ?? {}
  writeConfig('known.yaml', `rspamd: { url: "${url ?? ''}" }`, `admin: { listen: "${admin}" }`)
  const file = join(directory, 'known.yaml')
  writeFileSync(file, readFileSync(file, 'utf8').replace('strategy: late', 'strategy: auto'))
  const pin = async (name: string, strategy: string): Promise<void> => {
    const path = `/api/v1/senders/${encodeURIComponent(name)}/strategy`
    const body = JSON.stringify({ strategy })
    const headers = { 'content-type': 'application/json' }
    expect((await fetch(`http://${admin}${path}`, { method: 'PUT', headers, body })).ok).toBe(true)
  }
  // Of the client of `usual`.
  await pin('192.0.2.0/24', 'lenient')
  for (let n = 0; n < 1001; n++) await pin(`s${n}.example`, 'late')
  const { out } = await run(usual.map((word) => (word === 'config.yaml' ? 'known.yaml' : word)))
  expect(out).toContain('A client without PRDR hears (lenient, as it is served)')
})

const judgeOf = (file: string): { readonly url: string | undefined } | undefined => ({
  url: /url: "([^"]+)"/.exec(readFileSync(join(directory, file), 'utf8'))?.[1],
})
