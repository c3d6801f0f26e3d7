/** What the admin API tells of senders, and pinning them. */
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { type Admin, startAdmin } from '../../src/admin/server.ts'
import { sampleContext } from './sample-context.ts'

let admin: Admin

beforeEach(async () => {
  admin = await startAdmin({
    host: '127.0.0.1',
    port: 0,
    context: sampleContext(),
    onError: (error) => expect.unreachable(String(error)),
  })
})
afterEach(async () => await admin.close())

async function ask(
  path: string,
  init: RequestInit = {},
): Promise<{ readonly status: number; readonly body: unknown }> {
  const response = await fetch(`http://127.0.0.1:${admin.port}${path}`, init)
  return { status: response.status, body: await response.json() }
}

const put = (body: unknown): RequestInit => ({
  method: 'PUT',
  headers: { 'content-type': 'application/json' },
  body: typeof body === 'string' ? body : JSON.stringify(body),
})

describe('senders', () => {
  it('are listed with what was learned and why', async () => {
    expect((await ask('/api/v1/senders')).body).toEqual({
      senders: [
        {
          name: 'example.net',
          strategy: 'lenient',
          why: 'did not come back for 1 of 3 attempts with a deferral',
          lessons: { messages: 9, deferred: 3, returned: 2, within5m: 2, missing: 1 },
          forcedRetries: 4,
          retryDelays: [61, 240],
          lastSeen: '2025-12-31T00:00:00.000Z',
          lastChange: '2026-01-01T00:00:00.000Z',
        },
      ],
      more: false,
    })
    expect((await ask('/api/v1/senders?strategy=late')).body).toEqual({ senders: [], more: false })
    expect((await ask('/api/v1/senders?strategy=x')).status).toBe(400)
    expect((await ask('/api/v1/senders?name=Example.NET')).body).toMatchObject({
      senders: [{ name: 'example.net' }],
    })
    expect((await ask('/api/v1/senders?name=other.example')).body).toMatchObject({ senders: [] })
    expect((await ask('/api/v1/senders?name=x')).status).toBe(400)
  })

  it('are pinned and forgotten, a network too', async () => {
    const network = `/api/v1/senders/${encodeURIComponent('2001:DB8:0:1::/64')}/strategy`
    expect((await ask(network, put({ strategy: 'off' }))).body).toMatchObject({
      name: '2001:db8:0:1::/64',
      strategy: 'off',
      pin: { strategy: 'off', by: '127.0.0.1' },
    })
    expect((await ask('/api/v1/senders/example.net', { method: 'DELETE' })).body).toEqual({
      name: 'example.net',
      forgotten: true,
    })
    expect((await ask('/api/v1/senders/example.net', { method: 'DELETE' })).status).toBe(404)
    for (const body of [
      ...[{}, [], 'x', { strategy: 'x' }, { strategy: 'late', for: 'ever' }],
      { strategy: 'auto', for: '2h' },
    ])
      expect((await ask('/api/v1/senders/example.net/strategy', put(body))).status).toBe(400)
    for (const name of ['x', 'a b.example', '192.0.2.7/24', 'a'.repeat(250) + '.example'])
      expect(
        (
          await ask(
            `/api/v1/senders/${encodeURIComponent(name)}/strategy`,
            put({ strategy: 'off' }),
          )
        ).status,
      ).toBe(400)
  })

  it('are pinned for some time, and the answer says until when', async () => {
    const before = Date.now()
    const path = '/api/v1/senders/a.example/strategy'
    const { body } = await ask(path, put({ strategy: 'off', for: '2h', reason: 'slow' }))
    const until = Date.parse((body as { pin: { until: string } }).pin.until)
    expect(until - 7_200_000).toBeGreaterThanOrEqual(before)
    expect(until - 7_200_000).toBeLessThanOrEqual(Date.now())
    expect((await ask(path)).body).toMatchObject({ pin: { until: new Date(until).toISOString() } })
    expect((await ask(path, put({ strategy: 'off' }))).body).not.toHaveProperty('pin.until')
  })
})
