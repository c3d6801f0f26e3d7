/**
 * `rcptwise explain` with real judges: what it says that clients would hear is what `serve` then
 * tells them, attempt by attempt.
 *
 *   explain ──────────────────┬▶ the judge
 *   a client ─▶ Rcptwise ─────┘
 *                   └─▶ a server that takes everything
 */
import { execFile } from 'node:child_process'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { stringify } from 'yaml'
import { Client } from '../../support/dialogue.ts'
import { startFakeBackend } from '../../support/fake-backend.ts'
import { interopObstacle } from '../../support/lab/availability.ts'
import { startFrontEnd } from '../../support/lab/front-end.ts'
import { startFilter } from '../../support/lab/hook-filter.ts'
import { eicar, startClamavMilter } from '../../support/lab/milters.ts'
import { startRspamd } from '../../support/lab/rspamd.ts'
import { startSpamd } from '../../support/lab/spamd.ts'

const main = join(import.meta.dirname, '..', '..', '..', 'src', 'cli', 'main.ts')
const from = 'news@shop.example'
const [ann, bob, cid] = ['ann@example.org', 'bob@example.org', 'cid@example.org'] as const
const everybody = [ann, bob, cid]
const recipients = { [ann]: 'strict', [bob]: 'careful', [cid]: 'tag-only' }
const peers = [{ name: 'default', strategy: 'late' }]

interface Told {
  readonly recipient: string
  readonly rcpt: string
  readonly text?: string
}

interface Attempt {
  readonly told: readonly Told[]
  readonly last?: string
}

interface Explained {
  readonly prdr: { readonly attempts: readonly Attempt[] }
  readonly legacy: readonly { readonly attempts: readonly Attempt[] }[]
}

type Judge = Readonly<Record<string, unknown>>

async function explained(judges: readonly Judge[], text: string): Promise<Explained> {
  const directory = await mkdtemp(join(tmpdir(), 'rcptwise-explain-'))
  try {
    const config = {
      hostname: 'mx.example.org',
      relay_domains: ['example.org'],
      backend: { servers: ['smtp://127.0.0.1:1'] },
      policies: {
        'tag-only': { tag_at: 6 },
        careful: { tag_at: 6, reject_at: 15 },
        strict: { tag_at: 5, reject_at: 8 },
      },
      recipients: { default: 'careful', sources: [{ file: 'recipients.yaml' }] },
      admin: 'off',
      judges,
      peers,
    }
    await writeFile(join(directory, 'config.yaml'), stringify(config))
    await writeFile(join(directory, 'recipients.yaml'), stringify(recipients))
    await writeFile(join(directory, 'message.eml'), text)
    const args = [
      ...[main, 'explain', '--json', '--config', join(directory, 'config.yaml')],
      ...['--from', from, '--to', everybody.join(','), '--client', '127.0.0.1'],
      ...['--helo', 'client.test', join(directory, 'message.eml')],
    ]
    return await new Promise((resolve, reject) => {
      execFile(process.execPath, args, (_error, stdout, stderr) => {
        if (stdout === '') reject(new Error(stderr))
        else resolve(JSON.parse(stdout) as Explained)
      })
    })
  } finally {
    await rm(directory, { recursive: true })
  }
}

/** What a client hears of `serve` in one attempt. */
async function heard(
  port: number,
  { to, text, prdr }: { to: readonly string[]; text: string; prdr: boolean },
): Promise<Attempt> {
  const client = await Client.connect(port)
  const reply = async (): Promise<string> => (await client.reply()).join('\n')
  try {
    await reply()
    await client.ask('EHLO client.test')
    await client.ask(`MAIL FROM:<${from}>${prdr ? ' PRDR' : ''}`)
    client.send(to.map((address) => `RCPT TO:<${address}>\r\n`).join(''))
    const rcpts: string[] = []
    while (rcpts.length < to.length) rcpts.push(await reply())
    const through = to.filter((_address, i) => rcpts[i]?.startsWith('250'))
    const texts = new Map<string, string>()
    let last: string | undefined
    if ((await client.ask('DATA')).startsWith('354')) {
      client.send(`${text}.\r\n`)
      last = await reply()
      if (last.startsWith('353')) {
        for (const address of through) texts.set(address, await reply())
        last = await reply()
      }
    }
    await client.ask('QUIT')
    const told = to.map((recipient, i): Told => {
      const said = texts.get(recipient)
      return { recipient, rcpt: rcpts[i] ?? '', ...(said !== undefined && { text: said }) }
    })
    return { told, ...(last !== undefined && { last }) }
  } finally {
    client.close()
  }
}

/** Words of the server behind are its own. */
const inWords = (reply: string): string =>
  (reply.startsWith('2') ? reply.slice(0, 3) : reply).replaceAll(/\s+/g, ' ')

/** What it comes to for each recipient. */
const answers = ({ told, last = '' }: Attempt): readonly string[] =>
  told.map(({ recipient, rcpt, text }) =>
    [recipient, inWords(rcpt), rcpt.startsWith('250') ? inWords(text ?? last) : ''].join(' | '),
  )

async function compare(judge: Judge, text: string): Promise<Explained> {
  const judges = [judge]
  const said = await explained(judges, text)
  const { attempts: legacy = [] } = said.legacy[0] ?? {}
  for (const [kind, attempts] of [
    ['prdr', said.prdr.attempts],
    ['legacy', legacy],
  ] as const) {
    await using backend = await startFakeBackend()
    await using rcptwise = await startFrontEnd({
      backend: backend.port,
      recipients,
      config: { judges, peers },
    })
    for (const attempt of attempts) {
      const to = attempt.told.map(({ recipient }) => recipient)
      const got = await heard(rcptwise.port, { to, text, prdr: kind === 'prdr' })
      expect(answers(got), kind).toEqual(answers(attempt))
    }
  }
  return said
}

const message = (fields: readonly string[], body = 'Hello'): string =>
  [
    'From: News <news@shop.example>',
    'Subject: spring',
    `Message-ID: <${fields.join().replaceAll(/\W/g, '')}${body.length}@shop.example>`,
    'Date: Mon, 30 Nov 2026 04:00:00 +0000',
    ...fields,
    '',
    body,
    '',
  ].join('\r\n')

describe.skipIf(interopObstacle() !== undefined)('explain and serve, with the same judge', () => {
  test('rspamd', async () => {
    await using rspamd = await startRspamd()
    const judge = { rspamd: { url: rspamd.url } }
    for (const score of [1, 9.5, 20]) await compare(judge, message([`X-Test-Score: ${score}`]))
    const { legacy } = await compare(judge, message(['X-Test-Score: 9.4']))
    expect(legacy[0]?.attempts.length).toBeGreaterThan(1)
  })

  test('spamd', async () => {
    await using spamd = await startSpamd()
    const judge = { spamd: { url: `spamd://127.0.0.1:${spamd.port}`, time_limit: '1m' } }
    for (const score of [0.5, 9.5, 20]) await compare(judge, message([`X-Test-Score: ${score}`]))
  })

  test('a milter (clamav-milter)', async () => {
    await using clamav = await startClamavMilter()
    const judge = { milter: { name: 'clamav', url: clamav.url } }
    const { legacy } = await compare(judge, message([], eicar))
    expect(answers(legacy[0]?.attempts[0] ?? { told: [] })[0]).toContain('Virus found')
    await compare(judge, message([]))
  })

  test('a hook (the example of judges.md)', async () => {
    await using filter = await startFilter()
    const judge = { hook: { url: filter.url, protocol: 'stalwart' } }
    const { prdr } = await compare(judge, message([], 'A special offer for you'))
    expect(answers(prdr.attempts[0] ?? { told: [] })[0]).toContain('No special offers for me')
    await compare(judge, message([]))
  })
})
