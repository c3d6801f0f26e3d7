import { connect, type Socket } from 'node:net'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import fc from 'fast-check'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { type Admin, startAdmin } from '../../src/admin/server.ts'
import { Tokens } from '../../src/admin/tokens.ts'
import { rawHttp } from './raw-http.ts'
import { type SampleContext, sampleContext } from './sample-context.ts'

let context: SampleContext
let admin: Admin
const errors: unknown[] = []
const open: Admin[] = []

async function start(options: Partial<Parameters<typeof startAdmin>[0]> = {}): Promise<Admin> {
  const started = await startAdmin({
    host: '127.0.0.1',
    port: 0,
    context,
    onError: (error) => errors.push(error),
    ...options,
  })
  open.push(started)
  return started
}

beforeEach(async () => {
  errors.length = 0
  context = sampleContext()
  admin = await start()
})
afterEach(async () => {
  await Promise.all(
    open.splice(0).map(async (each) => {
      await each.close()
    }),
  )
})

interface Answer {
  readonly status: number
  readonly headers: Headers
  readonly body: unknown
}

async function ask(path: string, init: RequestInit = {}, port = admin.port): Promise<Answer> {
  const response = await fetch(`http://127.0.0.1:${port}${path}`, init)
  const text = await response.text()
  const json =
    response.headers.get('content-type')?.startsWith('application/json') === true && text !== ''
  return {
    status: response.status,
    headers: response.headers,
    body: json ? JSON.parse(text) : text,
  }
}

const put = (body: unknown): RequestInit => ({
  method: 'PUT',
  headers: { 'content-type': 'application/json' },
  body: typeof body === 'string' ? body : JSON.stringify(body),
})

describe('senders', () => {
  it('and what is missing need the token where there is one', async () => {
    const directory = await mkdtemp(join(tmpdir(), 'rcptwise-admin-'))
    const file = join(directory, 'token')
    await writeFile(file, 'a-secret-token-of-24-chars\n')
    const { port } = await start({
      tokens: await Tokens.open([{ name: 'ann', role: 'operate', file }]),
    })
    for (const path of ['/api/v1/senders', '/api/v1/splits?missing=true'])
      expect((await ask(path, {}, port)).status).toBe(401)
    expect(
      (await ask('/api/v1/senders/a.example/strategy', put({ strategy: 'off' }), port)).status,
    ).toBe(401)
    expect((await ask('/api/v1/splits?missing=yes')).status).toBe(400)
    await rm(directory, { recursive: true, force: true })
  })
})

describe('what is open', () => {
  it('GET /metrics gives the text of the context with its content type', async () => {
    const { status, headers, body } = await ask('/metrics')
    expect([status, headers.get('content-type'), body]).toEqual([
      200,
      'text/plain; version=0.0.4',
      'up 1\n',
    ])
  })

  it('README.md: “serve is ready when GET http://127.0.0.1:9225/readyz answers 200.” 503 with reasons until then', async () => {
    context.isReady = false
    expect(await ask('/healthz')).toMatchObject({ status: 200, body: { healthy: true } })
    expect(await ask('/readyz')).toMatchObject({
      status: 503,
      body: { ready: false, reasons: ['no listener is open'] },
    })
    context.isReady = true
    expect(await ask('/readyz')).toMatchObject({ status: 200, body: { ready: true, reasons: [] } })
  })

  it('HEAD is GET without the body', async () => {
    const { status, headers, body } = await ask('/healthz', { method: 'HEAD' })
    expect([status, headers.get('content-length'), body]).toEqual([200, '17', ''])
  })
})

describe('health has room of its own', () => {
  const crowd: Socket[] = []
  afterEach(() => {
    for (const socket of crowd.splice(0)) socket.destroy()
  })

  /** One that sends this, reads nothing, and stays. */
  async function hold(octets: string, port: number): Promise<void> {
    const socket = connect({ host: '127.0.0.1', port })
    crowd.push(socket)
    socket.on('error', () => undefined)
    await new Promise<void>((resolve) => {
      socket.once('close', () => resolve())
      socket.once('connect', () => socket.write(octets, () => resolve()))
    })
  }

  it.each([
    ['nothing', ''],
    ['half a request line', 'GET /heal'],
    ['half a header section', 'GET /healthz HTTP/1.1\r\nHost: localhost\r\n'],
    [
      'half a body',
      'PUT /api/v1/peers/default/strategy HTTP/1.1\r\nHost: localhost\r\nContent-Length: 10\r\n\r\n{',
    ],
    ['a request, and read no answer', 'GET /metrics HTTP/1.1\r\nHost: localhost\r\n\r\n'],
  ])(
    '/healthz and /readyz answer although 600 clients have sent %s',
    { timeout: 60_000 },
    async (_name, octets) => {
      const metrics = { contentType: 'text/plain', octets: Buffer.from('x 1\n'.repeat(100_000)) }
      const large = { ...context, metrics: async () => await Promise.resolve(metrics) }
      const { port } = await start({
        context: large,
        timeLimitsMs: { headers: 600_000, request: 600_000 },
      })
      for (let i = 0; i < 600; i++) await hold(octets, port)
      expect(await ask('/healthz', {}, port)).toMatchObject({ status: 200 })
      expect(await ask('/readyz', {}, port)).toMatchObject({ status: 200 })
    },
  )
})

describe('peers', () => {
  it('are listed in the order of the configuration', async () => {
    expect((await ask('/api/v1/peers')).body).toEqual({
      peers: [
        {
          name: 'partners',
          configured: 'single',
          inForce: 'single',
          deferCode: 451,
          retryHintSeconds: 60,
          match: 'address 192.0.2.0/24',
          meanings: expect.objectContaining({ lenient: 'nobody is told to come again' }) as unknown,
        },
        expect.objectContaining({ name: 'default' }),
      ],
    })
  })

  it('a strategy is set for a time, with who did it, and reset', async () => {
    const before = Date.now()
    const { status, body } = await ask(
      '/api/v1/peers/partners/strategy',
      put({ strategy: 'off', for: '1h30m' }),
    )
    expect(status).toBe(200)
    const until = Date.parse((body as { override: { until: string } }).override.until)
    expect(until - before).toBeGreaterThanOrEqual(5_400_000)
    expect(until - Date.now()).toBeLessThanOrEqual(5_400_000)
    expect(body).toMatchObject({
      configured: 'single',
      inForce: 'off',
      override: { strategy: 'off', by: '127.0.0.1' },
    })
    const reset = await ask('/api/v1/peers/partners/strategy', { method: 'DELETE' })
    expect(reset).toMatchObject({ status: 200, body: { inForce: 'single' } })
    expect(reset.body).not.toHaveProperty('override')
    expect(context.asked).toEqual(['set partners off by 127.0.0.1', 'reset partners by 127.0.0.1'])
  })

  it('without "for" it stays until reset', async () => {
    const { body } = await ask('/api/v1/peers/partners/strategy', put({ strategy: 'off' }))
    expect((body as { override: object }).override).not.toHaveProperty('until')
  })

  it.each(['PUT', 'DELETE'])(
    '%s of an unknown one is 404 and names those there are',
    async (method) => {
      const init = method === 'PUT' ? put({ strategy: 'off' }) : { method }
      expect(await ask('/api/v1/peers/nobody/strategy', init)).toMatchObject({
        status: 404,
        body: { error: 'there is no such peer class', expected: 'one of partners, default' },
      })
    },
  )

  it.each([
    ['no JSON', '{', /not valid JSON/],
    ['nothing', '', /not valid JSON/],
    ['an array', [], /no object/],
    ['null', null, /no object/],
    ['no strategy', {}, /"strategy" is missing/],
    ['an unknown strategy', { strategy: 'fast' }, /"strategy" can't be "fast"/],
    [
      'a strategy that is a method of objects',
      { strategy: 'constructor' },
      /can't be "constructor"/,
    ],
    ['an unknown key', { strategy: 'off', till: '2h' }, /"till" is unknown/],
    ['a number as duration', { strategy: 'off', for: 7200 }, /"for" can't be 7200/],
    ['no time at all', { strategy: 'off', for: '0s' }, /can't be "0s"/],
    ['an unknown unit', { strategy: 'off', for: '2y' }, /can't be "2y"/],
    ['ten thousand years', { strategy: 'off', for: '99999999d' }, /can't be "9+d"/],
  ])('a body with %s is 400 and nothing is done', async (_name, body, error) => {
    const answer = await ask('/api/v1/peers/partners/strategy', put(body))
    expect(answer.status).toBe(400)
    expect((answer.body as { error: string }).error).toMatch(error)
    expect((answer.body as { expected: string }).expected).not.toBe('')
    expect(context.asked).toEqual([])
  })
})

describe('splits', () => {
  it('that are open are listed, with who waits', async () => {
    const { body } = await ask('/api/v1/splits')
    expect(body).toMatchObject({
      more: false,
      splits: [
        { id: 'AAAABBBBCCCCDDDD', waiting: 2, startedAt: '2026-01-01T00:00:00.000Z' },
        { id: 'EEEEFFFFGGGGHHHH' },
      ],
    })
  })

  it('are cut at the limit, which says so', async () => {
    expect((await ask('/api/v1/splits?limit=1')).body).toMatchObject({
      more: true,
      splits: [{ id: 'AAAABBBBCCCCDDDD' }],
    })
  })

  it.each(['0', '-1', '1001', 'all', '', '1e3'])('limit=%s is 400', async (limit) => {
    expect((await ask(`/api/v1/splits?limit=${limit}`)).status).toBe(400)
  })

  it('show the reply that is kept for a recipient', async () => {
    expect((await ask('/api/v1/splits/AAAABBBBCCCCDDDD')).body).toMatchObject({
      recipients: [
        { address: 'a@example.org', state: 'answered' },
        {
          address: 'b@example.org',
          state: 'waiting',
          deferredAt: '2026-01-01T00:10:00.000Z',
          deferrals: 2,
        },
        { state: 'refused', reply: '550 5.7.1 c@example.org does not want this message' },
      ],
    })
  })

  it('are forgiven, an ended one is 409, an unknown one 404', async () => {
    const post = { method: 'POST' }
    expect(await ask('/api/v1/splits/AAAABBBBCCCCDDDD/forgive', post)).toMatchObject({
      status: 200,
      body: { forgiven: true },
    })
    expect((await ask('/api/v1/splits/IIIIJJJJKKKKLLLL/forgive', post)).status).toBe(409)
    expect((await ask('/api/v1/splits/NOBODY/forgive', post)).status).toBe(404)
    expect((await ask('/api/v1/splits/NOBODY')).status).toBe(404)
    expect(context.asked).toEqual(['forgive AAAABBBBCCCCDDDD by 127.0.0.1'])
  })
})

describe('requests that are wrong', () => {
  it.each([
    ['POST', '/metrics', 'GET, HEAD'],
    ['DELETE', '/api/v1/peers', 'GET, HEAD'],
    ['OPTIONS', '/readyz', 'GET, HEAD'],
    ['POST', '/api/v1/peers/partners/strategy', 'GET, HEAD, PUT, DELETE'],
    ['GET', '/api/v1/splits/X/forgive', 'POST'],
    ['PATCH', '/api/v1/splits', 'GET, HEAD'],
  ])('%s %s is 405 with Allow: %s', async (method, path, allow) => {
    const { status, headers, body } = await ask(path, { method })
    expect([status, headers.get('allow'), body]).toEqual([
      405,
      allow,
      expect.objectContaining({ expected: allow }),
    ])
  })

  it.each([
    ['/nothing', 404],
    ['/api/v1', 404],
    ['/api/v1/peers/', 404],
    ['//metrics', 404],
    ['/metrics/', 404],
    ['/api/v1/splits/%00%0d%0a', 404],
    ['/api/v1/splits/__proto__', 404],
    ['/api/v1/splits/%ff', 400],
    ['/api/v1/splits/%', 400],
    ['http://127.0.0.1/metrics', 400],
    ['*', 400],
  ])('the path %s is %d, as JSON', async (path, status) => {
    const said = await rawHttp(
      admin.port,
      `GET ${path} HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n`,
    )
    expect(said).toMatch(new RegExp(`^HTTP/1.1 ${status} `))
    expect(JSON.parse(said.slice(said.indexOf('\r\n\r\n')))).toHaveProperty('expected')
  })

  it.each([
    ['no type', {}, 415],
    ['a form', { 'content-type': 'application/x-www-form-urlencoded' }, 415],
    ['compressed JSON', { 'content-type': 'application/json', 'content-encoding': 'gzip' }, 415],
    ['JSON with a charset', { 'content-type': 'application/json; charset=utf-8' }, 200],
  ])('a body that is %s', async (_name, headers, status) => {
    const body = Buffer.from('{"strategy":"off"}')
    expect(
      (await ask('/api/v1/peers/partners/strategy', { method: 'PUT', headers, body })).status,
    ).toBe(status)
  })

  it('a body over 64 KiB is 413, announced or not', async () => {
    const head =
      'PUT /api/v1/peers/partners/strategy HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/json\r\n'
    const announced = await rawHttp(admin.port, `${head}content-length: 65537\r\n\r\n`)
    expect(announced).toMatch(/^HTTP\/1.1 413 /)
    const chunked = await rawHttp(
      admin.port,
      `${head}transfer-encoding: chunked\r\n\r\n11000\r\n${'x'.repeat(0x11000)}\r\n`,
    )
    expect(chunked).toMatch(/^HTTP\/1.1 413 /)
    expect(context.asked).toEqual([])
  })

  it.each([
    ['no HTTP at all', 'EHLO client.example\r\n\r\n', 400],
    ['a TLS handshake', '\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\r\n\r\n', 400],
    ['a path of 20 kB', `GET /${'a'.repeat(20_000)} HTTP/1.1\r\nhost: localhost\r\n\r\n`, 431],
    [
      'two lengths',
      'PUT / HTTP/1.1\r\nhost: localhost\r\ncontent-length: 1\r\ncontent-length: 2\r\n\r\n',
      400,
    ],
    [
      'a length and chunks',
      'PUT / HTTP/1.1\r\nhost: localhost\r\ncontent-length: 1\r\ntransfer-encoding: chunked\r\n\r\n',
      400,
    ],
    ['no Host in HTTP/1.1', 'GET /healthz HTTP/1.1\r\nconnection: close\r\n\r\n', 400],
  ])('%s gets an answer and the connection is closed', async (_name, bytes, status) => {
    expect(await rawHttp(admin.port, bytes)).toMatch(new RegExp(`^HTTP/1.1 ${status} `))
    expect((await ask('/healthz')).status).toBe(200)
  })

  it.each([
    ['the headers', 'GET /healthz HTTP/1.1\r\nhost: local'],
    [
      'the body',
      'PUT /api/v1/peers/partners/strategy HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/json\r\ncontent-length: 9\r\n\r\n{',
    ],
  ])('a client that stops in %s is told 408 and hung up on', async (_name, bytes) => {
    const impatient = await start({ timeLimitsMs: { headers: 50, request: 100 } })
    expect(await rawHttp(impatient.port, bytes)).toMatch(/^HTTP\/1.1 408 /)
  })

  it('property: no bytes make it fall over', async () => {
    await fc.assert(
      fc.asyncProperty(fc.string({ unit: 'binary', maxLength: 200 }), async (junk) => {
        await rawHttp(admin.port, `GET /${junk}\r\n\r\nconnection: close\r\n\r\n`)
      }),
      { numRuns: 50 },
    )
    expect((await ask('/healthz')).status).toBe(200)
    expect(errors).toEqual([])
  })

  it('a fault of our own is 500 without its words, which the log gets', async () => {
    context.metrics = async () => await Promise.reject(new Error('the secret reason'))
    expect(await ask('/metrics')).toMatchObject({ status: 500, body: { error: 'internal error' } })
    expect(errors).toMatchObject([{ message: 'the secret reason' }])
  })
})

describe('without a token', () => {
  const get = async (headers: string): Promise<string> =>
    (
      await rawHttp(admin.port, `GET /api/v1/peers HTTP/1.1\r\n${headers}connection: close\r\n\r\n`)
    ).slice(9, 12)

  it.each([
    ['localhost', '200'],
    ['LOCALHOST:9225', '200'],
    ['127.0.0.1:9225', '200'],
    ['127.9.9.9', '200'],
    ['[::1]:9225', '200'],
    ['[::1]', '200'],
    ['evil.example', '403'],
    ['127.0.0.1.evil.example', '403'],
    ['127.evil.example:9225', '403'],
    ['192.0.2.1', '403'],
    ['[2001:db8::1]:9225', '403'],
    ['', '403'],
  ])('Host: %s is %s (DNS rebinding)', async (host, status) => {
    expect(await get(`host: ${host}\r\n`)).toBe(status)
  })

  it('a probe in HTTP/1.0 without Host is answered', async () => {
    expect(await rawHttp(admin.port, 'GET /healthz HTTP/1.0\r\n\r\n')).toMatch(/^HTTP\/1.1 200 /)
  })

  it.each([
    ['https://evil.example', '403'],
    ['null', '403'],
    ['http://localhost:9999', '403'],
    ['http://localhost', '200'],
  ])('a change from a page with Origin: %s is %s', async (origin, status) => {
    const head = `POST /api/v1/splits/AAAABBBBCCCCDDDD/forgive HTTP/1.1\r\nhost: localhost\r\norigin: ${origin}\r\n`
    expect((await rawHttp(admin.port, `${head}connection: close\r\n\r\n`)).slice(9, 12)).toBe(
      status,
    )
    expect(context.asked).toHaveLength(status === '200' ? 1 : 0)
  })

  it('an address that is not loopback is refused at the start', async () => {
    await expect(start({ host: '0.0.0.0' })).rejects.toThrow(/set admin.tokens/)
  })

  it('an address in use is an error, not a crash', async () => {
    await expect(start({ port: admin.port })).rejects.toThrow(/EADDRINUSE/)
  })
})

describe('with a token', () => {
  let directory: string
  let file: string
  const troubles: string[] = []
  let port: number
  beforeEach(async () => {
    directory = await mkdtemp(join(tmpdir(), 'rcptwise-admin-'))
    file = join(directory, 'token')
    await writeFile(file, '  s3cret-token-of-16 \n')
    troubles.length = 0
    const tokens = await Tokens.open([{ name: 'ann', role: 'operate', file }], {
      onTrouble: (why) => troubles.push(why),
    })
    ;({ port } = await start({ tokens }))
  })
  afterEach(async () => {
    await rm(directory, { recursive: true })
  })
  const shown = async (
    authorization: string | undefined,
    path = '/api/v1/peers',
  ): Promise<Answer> =>
    await ask(path, authorization === undefined ? {} : { headers: { authorization } }, port)

  it.each([
    ['Bearer s3cret-token-of-16', 200],
    ['bearer s3cret-token-of-16', 200],
    [undefined, 401],
    ['Bearer', 401],
    ['Bearer s3cret-token-of-1', 401],
    ['Bearer s3cret-token-of-16n', 401],
    ['Basic czNjcmV0LXRva2Vu', 401],
    ['s3cret-token-of-16', 401],
  ])('Authorization: %s is %d', async (authorization, status) => {
    expect((await shown(authorization)).status).toBe(status)
  })

  it('401 says how, and tells nobody which paths there are', async () => {
    const { headers, body } = await shown(undefined, '/api/v1/nothing')
    expect(headers.get('www-authenticate')).toBe('Bearer realm="rcptwise"')
    expect(body).toMatchObject({ error: 'the token is missing or wrong' })
  })

  it.each(['/metrics', '/healthz', '/readyz'])('%s needs none, under any name', async (path) => {
    expect((await shown(undefined, path)).status).toBe(200)
    const said = await rawHttp(
      port,
      `GET ${path} HTTP/1.1\r\nhost: mx1.example.org\r\nconnection: close\r\n\r\n`,
    )
    expect(said).toMatch(/^HTTP\/1.1 200 /)
  })

  it('who showed it is called as the token is', async () => {
    const headers = { authorization: 'Bearer s3cret-token-of-16' }
    await ask('/api/v1/peers/partners/strategy', { method: 'DELETE', headers }, port)
    expect(context.asked).toEqual(['reset partners by ann'])
  })

  it('is read again when its file changes; a file that is empty or gone leaves it in force', async () => {
    await writeFile(file, 'another-token-of-16\n')
    expect((await shown('Bearer s3cret-token-of-16')).status).toBe(401)
    expect((await shown('Bearer another-token-of-16')).status).toBe(200)
    await writeFile(file, '\n')
    expect((await shown('Bearer another-token-of-16')).status).toBe(200)
    expect((await shown('Bearer ')).status).toBe(401)
    await rm(file)
    expect((await shown('Bearer another-token-of-16')).status).toBe(200)
    expect((await shown('Bearer another-token-of-16')).status).toBe(200)
    expect(troubles).toHaveLength(2)
    expect(troubles[0]).toMatch(/is empty.*stays in force/)
    await writeFile(file, 'third-token-of-16')
    expect((await shown('Bearer third-token-of-16')).status).toBe(200)
  })

  it.each([
    ['is empty', ' \n'],
    ['holds two lines', 'one\ntwo\n'],
    ['holds a short token', 'fifteen-letters\n'],
  ])('a file that %s is an error at the start', async (_name, content) => {
    await writeFile(file, content)
    await expect(Tokens.open([{ name: 'ann', role: 'operate', file }])).rejects.toThrow(file)
  })
})

describe('close', () => {
  it('ends idle connections and stops listening', async () => {
    const other = await start()
    await ask('/healthz', {}, other.port)
    await other.close()
    open.pop()
    await expect(ask('/healthz', {}, other.port)).rejects.toThrow()
  })
})
