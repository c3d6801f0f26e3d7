/** Entity tags: who has seen what, and what is changed only as it was seen. */
import { afterEach, beforeEach, expect, it } from 'vitest'
import { operations } from '../../src/admin/operations.ts'
import { type Admin, startAdmin } from '../../src/admin/server.ts'
import { type SampleContext, sampleContext } from './sample-context.ts'

let context: SampleContext
let admin: Admin
beforeEach(async () => {
  context = sampleContext()
  admin = await startAdmin({ host: '127.0.0.1', port: 0, context })
})
afterEach(async () => await admin.close())

async function ask(
  method: string,
  path: string,
  headers: Readonly<Record<string, string>> = {},
  body?: unknown,
): Promise<{ readonly status: number; readonly etag: string; readonly text: string }> {
  const response = await fetch(`http://127.0.0.1:${admin.port}${path}`, {
    method,
    headers: { ...headers, ...(body !== undefined && { 'content-type': 'application/json' }) },
    ...(body !== undefined && { body: JSON.stringify(body) }),
  })
  const etag = response.headers.get('etag') ?? ''
  return { status: response.status, etag, text: await response.text() }
}

/** For each change of something that has a tag: where to see it, and how to change it. */
const changes: Readonly<
  Record<string, { readonly see: string; readonly at: string; readonly body?: unknown }>
> = {
  setStrategy: {
    see: '/api/v1/peers/partners/strategy',
    at: '/api/v1/peers/partners/strategy',
    body: { strategy: 'off' },
  },
  resetStrategy: { see: '/api/v1/peers/partners/strategy', at: '/api/v1/peers/partners/strategy' },
  forgetSender: { see: '/api/v1/senders/example.net', at: '/api/v1/senders/example.net' },
  pinSender: {
    see: '/api/v1/senders/example.net/strategy',
    at: '/api/v1/senders/example.net/strategy',
    body: { strategy: 'late' },
  },
  forgiveSplit: {
    see: '/api/v1/splits/AAAABBBBCCCCDDDD',
    at: '/api/v1/splits/AAAABBBBCCCCDDDD/forgive',
  },
}

it('the table has each change that looks at If-Match', () => {
  expect(Object.keys(changes).toSorted()).toEqual(
    operations
      .filter(({ conditional }) => conditional)
      .map(({ id }) => id)
      .toSorted(),
  )
})

it.each(operations.filter(({ id }) => id in changes))(
  '$method $path changes only what the client has seen',
  async ({ id, method }) => {
    const { see, at, body } = changes[id] ?? { see: '', at: '' }
    const seen = await ask('GET', see)
    expect(seen.status).toBe(200)
    const refused = await ask(method, at, { 'if-match': '"another"' }, body)
    expect(refused.status).toBe(412)
    expect(refused.etag).toBe(seen.etag)
    expect(JSON.parse(refused.text)).toMatchObject({ current: JSON.parse(seen.text) as unknown })
    expect((await ask(method, at, { 'if-match': `W/${seen.etag}` }, body)).status).toBe(412)
    expect(context.asked).toEqual([])
    const done = await ask(method, at, { 'if-match': `"x", ${seen.etag}` }, body)
    expect(done.status).toBe(200)
    expect(context.asked).toHaveLength(1)
  },
)

it('what was changed meanwhile is not changed again', async () => {
  const at = '/api/v1/peers/partners/strategy'
  const { etag } = await ask('GET', at)
  const both = await Promise.all(
    ['off', 'late'].map(
      async (strategy) => (await ask('PUT', at, { 'if-match': etag }, { strategy })).status,
    ),
  )
  expect(both.toSorted()).toEqual([200, 412])
})

it('a client that has it already gets 304 and nothing else', async () => {
  const { etag } = await ask('GET', '/api/v1/peers')
  for (const header of [etag, `W/${etag}`, `"x", ${etag}`, '*'])
    expect(await ask('GET', '/api/v1/peers', { 'if-none-match': header })).toEqual({
      status: 304,
      etag,
      text: '',
    })
  for (const header of ['"x"', '', 'x'.repeat(5000)])
    expect((await ask('GET', '/api/v1/peers', { 'if-none-match': header })).status).toBe(200)
  // The connection goes on behind it.
  expect((await ask('GET', '/api/v1/peers')).status).toBe(200)
})
