/** The description of the admin API, and that what is really answered is what it says. */
import { readFileSync } from 'node:fs'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { openApi } from '../../src/admin/openapi.ts'
import { operations } from '../../src/admin/operations.ts'
import { failure } from '../../src/admin/schemas.ts'
import { type Admin, startAdmin } from '../../src/admin/server.ts'
import { Tokens } from '../../src/admin/tokens.ts'
import { adminPage, openApiFile, renderAdminPage, renderOpenApi } from '../../tools/admin-docs.ts'
import { heldSplit, sampleContext } from './sample-context.ts'

interface Example {
  readonly path: string
  readonly body?: unknown
  readonly status?: number
  /** Unless said, one without tokens; `locked`: too many wrong ones came already. */
  readonly on?: 'guarded' | 'locked'
}

const token = 'a-token-of-16-or-more'

/** At least one real request for each operation, and one for each status that it names. */
const examples: Readonly<Record<string, readonly Example[]>> = {
  getMetrics: [{ path: '/metrics' }, { path: '/metrics?collect=up' }],
  getHealth: [{ path: '/healthz' }],
  getReadiness: [{ path: '/readyz?verbose' }, { path: '/readyz', status: 503 }],
  getSession: [{ path: '/api/v1/session' }],
  logIn: [
    { path: '/api/v1/session', body: { token }, on: 'guarded' },
    { path: '/api/v1/session', body: { token: 'x' }, on: 'guarded', status: 401 },
    { path: '/api/v1/session', body: { token }, status: 409 },
    { path: '/api/v1/session', body: { token }, on: 'locked', status: 429 },
  ],
  logOut: [{ path: '/api/v1/session' }],
  readEvents: [{ path: '/api/v1/events' }, { path: '/api/v1/events?kinds=splitOpened' }],
  listHappened: [{ path: '/api/v1/happened' }, { path: '/api/v1/happened?limit=1' }],
  listAudit: [{ path: '/api/v1/audit' }, { path: '/api/v1/audit?limit=1' }],
  getRecent: [{ path: '/api/v1/recent' }, { path: '/api/v1/recent?minutes=1440' }],
  getConfiguration: [{ path: '/api/v1/configuration' }],
  listPeers: [{ path: '/api/v1/peers' }],
  getStrategy: [
    { path: '/api/v1/peers/partners/strategy' },
    { path: '/api/v1/peers/nobody/strategy', status: 404 },
  ],
  setStrategy: [
    {
      path: '/api/v1/peers/partners/strategy',
      body: { strategy: 'off', for: '2h', reason: 'their relay drops mail' },
    },
    { path: '/api/v1/peers/nobody/strategy', body: { strategy: 'off' }, status: 404 },
  ],
  resetStrategy: [
    { path: '/api/v1/peers/partners/strategy?reason=over' },
    { path: '/api/v1/peers/nobody/strategy', status: 404 },
  ],
  listSenders: [{ path: '/api/v1/senders' }, { path: '/api/v1/senders?strategy=lenient' }],
  getSender: [
    { path: '/api/v1/senders/example.net' },
    { path: '/api/v1/senders/nobody.example', status: 404 },
  ],
  getSenderStrategy: [
    { path: '/api/v1/senders/nobody.example/strategy' },
    { path: '/api/v1/senders/example.net/strategy' },
  ],
  pinSender: [
    {
      path: '/api/v1/senders/example.net/strategy',
      body: { strategy: 'late', for: '2h', reason: 'slow' },
    },
    { path: '/api/v1/senders/new.example/strategy', body: { strategy: 'auto' } },
  ],
  forgetSender: [
    { path: '/api/v1/senders/example.net?reason=moved' },
    { path: '/api/v1/senders/example.net', status: 404 },
  ],
  listSplits: [
    { path: '/api/v1/splits' },
    { path: '/api/v1/splits?limit=1' },
    { path: '/api/v1/splits?missing=true' },
  ],
  getSplit: [
    { path: '/api/v1/splits/AAAABBBBCCCCDDDD' },
    { path: '/api/v1/splits/IIIIJJJJKKKKLLLL' },
    { path: '/api/v1/splits/NOBODY', status: 404 },
  ],
  forgiveSplit: [
    { path: '/api/v1/splits/AAAABBBBCCCCDDDD/forgive' },
    { path: '/api/v1/splits/IIIIJJJJKKKKLLLL/forgive', status: 409 },
    { path: '/api/v1/splits/NOBODY/forgive', status: 404 },
  ],
  searchHistory: [
    { path: '/api/v1/history?address=a@example.org&since=2h&limit=10' },
    { path: '/api/v1/history?since=2h', status: 400 },
    { path: '/api/v1/history?split=NOHISTORY', status: 404 },
    { path: '/api/v1/history?split=DAMAGED', status: 500 },
  ],
  getDrain: [{ path: '/api/v1/drain' }, { path: '/api/v1/drain?limit=1' }],
  beginDrain: [{ path: '/api/v1/drain' }],
  endDrain: [{ path: '/api/v1/drain' }],
}

const context = sampleContext()
let admin: Admin
const guarded = new Map<string, Admin>()
beforeAll(async () => {
  const directory = await mkdtemp(join(tmpdir(), 'rcptwise-openapi-'))
  const file = join(directory, 'token')
  await writeFile(file, token)
  for (const name of ['guarded', 'locked']) {
    const tokens = await Tokens.open([{ name: 'ann', role: 'operate', file }])
    const options = { host: '127.0.0.1', port: 0, context, tokens, failuresPerMinute: 1 }
    guarded.set(name, await startAdmin(options))
  }
  const wrong = { method: 'POST', headers: { authorization: 'Bearer wrong' } }
  await fetch(`http://127.0.0.1:${guarded.get('locked')?.port}/api/v1/drain`, wrong)
  await rm(directory, { recursive: true })
  context.held = [heldSplit, { ...heldSplit, comesBack: { fromMs: 60_000, toMs: Infinity } }]
  admin = await startAdmin({ host: '127.0.0.1', port: 0, context })
})
afterAll(async () => {
  await admin.close()
  for (const one of guarded.values()) await one.close()
})

describe('the description', () => {
  it('docs/openapi.json and docs/admin-api.md are current (stale? node tools/admin-docs.ts)', () => {
    expect(readFileSync(openApiFile, 'utf8')).toBe(renderOpenApi())
    expect(readFileSync(adminPage, 'utf8')).toBe(renderAdminPage())
  })

  it('has each operation once, with a name of its own and all that its path needs', () => {
    const { paths } = openApi(operations, '0') as {
      paths: Record<string, Record<string, { parameters?: { name: string; in: string }[] }>>
    }
    const described = Object.entries(paths).flatMap(([path, methods]) =>
      Object.keys(methods).map((method) => `${method.toUpperCase()} ${path}`),
    )
    expect(described.toSorted()).toEqual(
      operations.map(({ method, path }) => `${method} ${path}`).toSorted(),
    )
    expect(new Set(operations.map(({ id }) => id)).size).toBe(operations.length)
    for (const { method, path } of operations) {
      const inPath = [...path.matchAll(/\{(\w+)\}/g)].map(([, name]) => name)
      const named = paths[path]?.[method.toLowerCase()]?.parameters ?? []
      expect(named.filter((one) => one.in === 'path').map(({ name }) => name)).toEqual(inPath)
    }
  })

  it('this table has an example of each operation and of each status that it names', () => {
    expect(Object.keys(examples)).toEqual(operations.map(({ id }) => id))
    for (const { id, statuses } of operations)
      expect(
        [...new Set((examples[id] ?? []).map(({ status = 200 }) => String(status)))].toSorted(),
      ).toEqual(Object.keys(statuses))
  })
})

describe('what is answered is what is described', () => {
  const all = operations.flatMap((operation) =>
    (examples[operation.id] ?? []).map((example) => ({ operation, ...example })),
  )
  it.each(all)('$operation.method $path', async ({ operation, path, body, on, status = 200 }) => {
    context.isReady = status !== 503
    const { port } = guarded.get(on ?? '') ?? admin
    const response = await fetch(`http://127.0.0.1:${port}${path}`, {
      method: operation.method,
      ...(body !== undefined && {
        headers: { 'content-type': 'application/json' },
        body: JSON.stringify(body),
      }),
    })
    expect(response.status).toBe(status)
    if (operation.answer === undefined) {
      expect(response.headers.get('content-type')).toMatch(new RegExp(`^${operation.media}(?:;|$)`))
      return await response.body?.cancel()
    }
    const said = await response.json()
    const schema = status === 200 || status === 503 ? operation.answer : failure
    // What the schema does not know would be left out here.
    expect(schema.parse(said)).toEqual(said)
  })
})

describe('what is not described is refused', () => {
  const guarded = operations.filter(({ access }) => access !== 'open')
  it.each(guarded)('$method $path with an unknown parameter, or one given twice', async (one) => {
    const path = one.path.replaceAll(/\{\w+\}/g, 'x.example')
    const body = one.body === undefined ? undefined : '{}'
    const known = Object.keys(one.query.shape)
    for (const query of ['nonsense=1', ...known.map((name) => `${name}=1&${name}=1`)]) {
      const response = await fetch(`http://127.0.0.1:${admin.port}${path}?${query}`, {
        method: one.method,
        ...(body !== undefined && { headers: { 'content-type': 'application/json' }, body }),
      })
      expect(response.status).toBe(400)
      expect(failure.parse(await response.json()).error).toMatch(/is unknown|can't be/)
    }
  })
})
