/** Who may do what: tokens with roles, sessions of a console, and pages of others. */
import { appendFile, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { once } from 'node:events'
import { quietMs, WrongTokens } from '../../src/admin/wrong-tokens.ts'
import { operation } from '../../src/admin/operation.ts'
import { type Admin, type AdminOptions, startAdmin } from '../../src/admin/server.ts'
import { operations } from '../../src/admin/operations.ts'
import { Tokens } from '../../src/admin/tokens.ts'
import { rawHttp } from './raw-http.ts'
import { type SampleContext, sampleContext } from './sample-context.ts'

const operate = 'operate-token-of-ann'
const read = 'read-token-of-duty-01'

let directory: string
let context: SampleContext
let tokens: Tokens
let admin: Admin
let now = 0
const open: Admin[] = []

const settings = () => [
  { name: 'ann', role: 'operate' as const, file: join(directory, 'ann') },
  { name: 'duty', role: 'read' as const, file: join(directory, 'duty') },
]

async function start(options: Partial<AdminOptions> = {}): Promise<Admin> {
  const started = await startAdmin({
    host: '127.0.0.1',
    port: 0,
    context,
    tokens,
    hosts: () => ['mx.test'],
    ...options,
  })
  open.push(started)
  return started
}

beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'rcptwise-admission-'))
  await writeFile(join(directory, 'ann'), operate)
  await writeFile(join(directory, 'duty'), read)
  context = sampleContext()
  now = Date.now()
  tokens = await Tokens.open(settings(), { now: () => now })
  admin = await start()
})
afterEach(async () => {
  await Promise.all(open.splice(0).map(async (one) => await one.close()))
  await rm(directory, { recursive: true })
})

interface Answer {
  readonly status: number
  readonly headers: Headers
  readonly body: Readonly<Record<string, unknown>>
}

async function ask(
  method: string,
  path: string,
  headers: Readonly<Record<string, string>> = {},
  body?: unknown,
): Promise<Answer> {
  const response = await fetch(`http://127.0.0.1:${open.at(-1)?.port ?? 0}${path}`, {
    method,
    headers: { ...headers, ...(body !== undefined && { 'content-type': 'application/json' }) },
    ...(body !== undefined && { body: JSON.stringify(body) }),
  })
  const text = await response.text()
  return {
    status: response.status,
    headers: response.headers,
    body: text.startsWith('{') ? (JSON.parse(text) as Answer['body']) : {},
  }
}

const bearer = (token: string) => ({ authorization: `Bearer ${token}` })

async function cookieFor(token: string): Promise<string> {
  const { headers } = await ask('POST', '/api/v1/session', {}, { token })
  return (headers.get('set-cookie') ?? '').split(';')[0] ?? ''
}

const change = '/api/v1/drain'
const console = { 'x-rcptwise-console': '1' }

describe('roles', () => {
  it.each(
    operations
      .filter(({ access }) => access === 'operate')
      .map(({ method, path }) => [method, path.replaceAll(/\{\w+\}/g, 'x.example')]),
  )('%s %s is not for a token that may only read', async (method, path) => {
    expect(await ask(method, path, bearer(read))).toMatchObject({
      status: 403,
      body: { error: 'duty may only read' },
    })
    expect(context.asked).toEqual([])
  })

  it.each(operations.filter(({ access, method }) => access === 'read' && method === 'GET'))(
    'GET $path is for both, and for nobody without a token',
    async ({ path, media }) => {
      if (media === 'text/event-stream') return
      const asked = path.replaceAll(/\{\w+\}/g, 'example.net')
      for (const token of [read, operate])
        expect([200, 400, 404]).toContain((await ask('GET', asked, bearer(token))).status)
      expect((await ask('GET', asked)).status).toBe(401)
    },
  )

  it('a change has the name of the token', async () => {
    await ask('PUT', change, bearer(operate))
    expect(context.asked).toEqual(['drain by ann'])
  })
})

describe('a session', () => {
  it('is begun with a token, and may do what the token may', async () => {
    const begun = await ask('POST', '/api/v1/session', {}, { token: read })
    expect(begun).toMatchObject({ status: 200, body: { by: 'duty', role: 'read' } })
    const setCookie = begun.headers.get('set-cookie') ?? ''
    expect(setCookie).toMatch(/; HttpOnly; SameSite=Strict$/)
    expect(setCookie).not.toContain(read)
    expect(setCookie).not.toMatch(/path=|domain=/i)
    const cookie = setCookie.split(';')[0] ?? ''
    expect(await ask('GET', '/api/v1/session', { cookie })).toMatchObject({
      status: 200,
      body: { by: 'duty', role: 'read', wantsToken: true },
    })
    expect((await ask('PUT', change, { cookie, ...console })).status).toBe(403)
    const other = await cookieFor(operate)
    expect((await ask('PUT', change, { cookie: `a=b; ${other}; c=d`, ...console })).status).toBe(
      200,
    )
    expect(context.asked).toEqual(['drain by ann'])
  })

  it('changes something only with the header of a console, and never from another site', async () => {
    const cookie = await cookieFor(operate)
    const { port } = admin
    expect((await ask('PUT', change, { cookie })).status).toBe(403)
    for (const origin of ['null', 'https://evil.example', `http://127.0.0.1:${port}.evil.example`])
      expect((await ask('PUT', change, { cookie, ...console, origin })).status).toBe(403)
    for (const site of ['cross-site', 'same-site']) {
      const from = { cookie, ...console, 'sec-fetch-site': site }
      expect((await ask('PUT', change, from)).status).toBe(403)
      expect((await ask('GET', '/api/v1/peers', from)).status).toBe(403)
    }
    expect(context.asked).toEqual([])
    const origin = `http://127.0.0.1:${port}`
    expect((await ask('PUT', change, { cookie, ...console, origin })).status).toBe(200)
  })

  it('is Secure where the console came by https', async () => {
    const origin = `https://127.0.0.1:${admin.port}`
    const { headers } = await ask('POST', '/api/v1/session', { origin }, { token: read })
    expect(headers.get('set-cookie')).toMatch(/; Secure$/)
  })

  it('ends with its time, by hand, and with its token', async () => {
    const cookie = await cookieFor(operate)
    const status = async (): Promise<number> =>
      (await ask('GET', '/api/v1/peers', { cookie })).status
    now += 12 * 3_600_000 - 1
    expect(await status()).toBe(200)
    now += 1
    expect(await status()).toBe(401)
    now -= 3_600_000
    expect(await status()).toBe(200)
    await writeFile(join(directory, 'ann'), 'another-token-of-ann')
    expect(await status()).toBe(401)
    await writeFile(join(directory, 'ann'), operate)
    expect(await status()).toBe(200)
    ;(await tokens.prepare(settings().slice(1)))()
    expect(await status()).toBe(401)
    ;(await tokens.prepare(settings()))()
    expect(await status()).toBe(200)
    const out = await ask('DELETE', '/api/v1/session', { cookie, ...console })
    expect(out.headers.get('set-cookie')).toMatch(/=; Max-Age=0; /)
    expect(await status()).toBe(401)
  })

  it('holds over a restart, and on another front-end that has the token', async () => {
    const cookie = await cookieFor(operate)
    const session = cookie.split('=')[1] ?? ''
    const other = await Tokens.open(settings(), { now: () => now })
    expect(await other.sessionOf(session)).toMatchObject({ name: 'ann', role: 'operate' })
  })

  it('admin-api.md: “DELETE /api/v1/session ends it, also over a restart; other front-ends do not hear of that, so replace the token if somebody may have copied the cookie.”', async () => {
    const endedFile = join(directory, 'ended-sessions')
    const opened = async () => await Tokens.open(settings(), { now: () => now, endedFile })
    const first = await opened()
    const cookies = await Promise.all([0, 1].map(async () => (await first.begin(operate))?.cookie))
    const [left = '', kept = ''] = cookies
    await first.end(left)
    await appendFile(endedFile, '\nhalf a li')
    const next = await opened()
    expect(await next.sessionOf(left)).toBeUndefined()
    expect(await next.sessionOf(kept)).toMatchObject({ name: 'ann' })
    await next.end(kept)
    expect(await (await opened()).sessionOf(kept)).toBeUndefined()
    expect(await readFile(endedFile, 'utf8')).not.toContain(left)
  })

  it('that was changed in any place is none: neither its name, nor its time, nor its role', async () => {
    const cookie = (await cookieFor(read)).split('=')[1] ?? ''
    const [name = '', ends = '', id = '', signature = ''] = cookie.split('.')
    const ann = Buffer.from('ann').toString('base64url')
    const wrong = [
      '',
      '...',
      [ann, ends, id, signature],
      [name, Number(ends) + 1, id, signature],
      [name, ends, 'x', signature],
      [name, ends, id, ''],
      [name, 'NaN', id, signature],
      ['x'.repeat(5000), ends, id, signature],
    ].map((one) => (typeof one === 'string' ? one : one.join('.')))
    for (const one of wrong) expect(await tokens.sessionOf(one)).toBeUndefined()
    const raised = settings().map((one) => ({ ...one, role: 'operate' as const }))
    ;(await tokens.prepare(raised))()
    expect(await tokens.sessionOf(cookie)).toBeUndefined()
  })

  it('is not begun where nobody needs a token', async () => {
    await startFree()
    expect((await ask('POST', '/api/v1/session', {}, { token: read })).status).toBe(409)
    expect(await ask('GET', '/api/v1/session')).toMatchObject({
      body: { by: '127.0.0.1', role: 'operate', wantsToken: false },
    })
  })
})

async function startFree(): Promise<void> {
  open.push(await startAdmin({ host: '127.0.0.1', port: 0, context }))
}

describe('names', () => {
  const status = async (host: string, path: string): Promise<string> =>
    (
      await rawHttp(
        admin.port,
        `GET ${path} HTTP/1.1\r\nhost: ${host}\r\nauthorization: Bearer ${operate}\r\nconnection: close\r\n\r\n`,
      )
    ).slice(9, 12)

  it.each([
    ['mx.test', '200'],
    ['MX.test:9225', '200'],
    ['127.0.0.1', '200'],
    ['192.0.2.1:9225', '200'],
    ['[2001:db8::1]:9225', '200'],
    ['evil.example', '403'],
    ['mx.test.evil.example', '403'],
    ['127.0.0.1.evil.example', '403'],
    ['', '403'],
  ])('with a token, Host: %s is %s', async (host, expected) => {
    expect(await status(host, '/api/v1/peers')).toBe(expected)
  })

  it('a log-in under the name of somebody else is refused', async () => {
    const said = await rawHttp(
      admin.port,
      'POST /api/v1/session HTTP/1.1\r\nhost: evil.example\r\ncontent-length: 0\r\nconnection: close\r\n\r\n',
    )
    expect(said.slice(9, 12)).toBe('403')
  })
})

describe('a stream', () => {
  const watch = operation({
    id: 'watch',
    method: 'GET',
    path: '/watch',
    summary: 'Streams.',
    statuses: { 200: 'A stream.' },
    handle: () => ({
      status: 200,
      contentType: 'text/event-stream',
      async *stream(signal) {
        yield 'one\n'
        if (!signal.aborted) await once(signal, 'abort')
      },
    }),
  })

  it.each<[string, (cookie: string) => Promise<unknown>]>([
    [
      'its token is another one',
      async () => await writeFile(join(directory, 'ann'), 'x'.repeat(20)),
    ],
    [
      'its token is not in the configuration any more',
      async () => (await tokens.prepare(settings().slice(1)))(),
    ],
    ['its session has ended', async (cookie) => await tokens.end(cookie.split('=')[1] ?? '')],
    ['its time is over', async () => await Promise.resolve((now += 13 * 3_600_000))],
  ])(
    'admin-api.md: “A stream ends within a second when its token is gone or its session has ended.” When %s',
    async (_when, happens) => {
      await start({ operations: [...operations, watch] })
      const cookie = await cookieFor(operate)
      const url = `http://127.0.0.1:${open.at(-1)?.port ?? 0}/watch`
      const response = await fetch(url, { headers: { cookie } })
      const reader = response.body?.getReader()
      expect((await reader?.read())?.done).toBe(false)
      await happens(cookie)
      expect((await reader?.read())?.done).toBe(true)
    },
  )
})

describe('how often', () => {
  it('admin-api.md: “Rcptwise logs wrong tokens with the address that they came from, at most one line a minute, and never the token.”', () => {
    const said: string[] = []
    let at = 1_000_000
    const wrong = new WrongTokens(
      (what) => said.push(what),
      () => at,
    )
    for (let n = 0; n < 100; n++) wrong.note(`192.0.2.${n % 3}`)
    expect(said).toEqual(['admin API: wrong tokens from 192.0.2.0 (1)'])
    at += quietMs
    for (let n = 0; n < 100; n++) wrong.note(`192.0.2.${n % 50}`)
    expect(said).toHaveLength(2)
    expect(said[1]).toMatch(/192\.0\.2\.1 \(33\)/)
    at += quietMs
    wrong.note('2001:db8::1')
    expect(said[2]?.match(/\(/g)).toHaveLength(20)
  })

  it('a wrong token is told by its address, for a request and for a log-in', async () => {
    for (const show of [
      async () => await ask('GET', '/api/v1/peers', bearer('wrong-0123456789')),
      async () => await ask('POST', '/api/v1/session', {}, { token: 'wrong-0123456789' }),
    ]) {
      const said: string[] = []
      await start({ onWrongToken: (what) => said.push(what) })
      await show()
      expect(said).toEqual(['admin API: wrong tokens from 127.0.0.1 (1)'])
    }
  })

  it('more requests than a client may make within a minute get 429, and when to come again', async () => {
    await start({ requestsPerMinute: 3 })
    for (let i = 0; i < 3; i++)
      expect((await ask('GET', '/api/v1/peers', bearer(read))).status).toBe(200)
    const refused = await ask('GET', '/api/v1/peers', bearer(read))
    expect(refused.status).toBe(429)
    expect(Number(refused.headers.get('retry-after'))).toBeGreaterThan(0)
    // Others have their own, and health is for all.
    expect((await ask('GET', '/api/v1/peers', bearer(operate))).status).toBe(200)
    expect((await ask('GET', '/healthz')).status).toBe(200)
  })

  it('after wrong tokens no token from that address is looked at; sessions go on', async () => {
    await start({ failuresPerMinute: 2 })
    const cookie = await cookieFor(operate)
    expect((await ask('GET', '/api/v1/peers', bearer('x'))).status).toBe(401)
    expect((await ask('POST', '/api/v1/session', {}, { token: 'x' })).status).toBe(401)
    expect((await ask('GET', '/api/v1/peers', bearer(operate))).status).toBe(429)
    expect((await ask('POST', '/api/v1/session', {}, { token: operate })).status).toBe(429)
    expect((await ask('GET', '/api/v1/peers', { cookie })).status).toBe(200)
  })
})
