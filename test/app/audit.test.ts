/** Each change by the admin API leaves a fact, and so a line in the log, with who made it. */
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { operations } from '../../src/admin/operations.ts'
import type { Fact } from '../../src/facts/fact.ts'
import { logFromFacts } from '../../src/log/from-facts.ts'
import { createLog } from '../../src/log/log.ts'
import { startTestApp, type TestApp } from '../support/app.ts'
import { Client } from '../support/dialogue.ts'

let app: TestApp
let split = ''

beforeAll(async () => {
  app = await startTestApp({ recipients: 'a@example.org: strict\nb@example.org: tag-only\n' })
  const client = await Client.connect(app.port)
  await client.reply()
  await client.ask('EHLO client.test')
  await client.ask('MAIL FROM:<s@x.test>')
  for (const to of ['a', 'b']) await client.ask(`RCPT TO:<${to}@example.org>`)
  await client.ask('DATA')
  await client.ask('Subject: x\r\nMessage-ID: <1@x.test>\r\n\r\nhello\r\n.')
  client.close()
  const { splits } = (await ask('GET', '/api/v1/splits')) as {
    readonly splits: readonly { readonly id: string }[]
  }
  split = splits[0]?.id ?? ''
})
afterAll(async () => {
  await app[Symbol.asyncDispose]()
})

async function ask(method: string, path: string, body?: unknown): Promise<unknown> {
  const { address = '', port = 0 } = app.app.admin ?? {}
  const response = await fetch(`http://${address}:${port}${path}`, {
    method,
    ...(body !== undefined && {
      body: JSON.stringify(body),
      headers: { 'content-type': 'application/json' },
    }),
  })
  expect(response.status).toBe(200)
  return await response.json()
}

function lineOf(fact: Fact): Record<string, unknown> {
  const lines: string[] = []
  const log = createLog({
    level: 'info',
    format: 'json',
    pid: 1,
    write: (line) => void lines.push(line),
  })
  logFromFacts(log)(fact)
  return JSON.parse(lines.join('')) as Record<string, unknown>
}

/** What each change is asked with. */
const changes: Readonly<Record<string, { readonly path: () => string; readonly body?: unknown }>> =
  {
    'PUT /api/v1/peers/{name}/strategy': {
      path: () => '/api/v1/peers/default/strategy',
      body: { strategy: 'off' },
    },
    'DELETE /api/v1/peers/{name}/strategy': { path: () => '/api/v1/peers/default/strategy' },
    'PUT /api/v1/senders/{name}/strategy': {
      path: () => '/api/v1/senders/x.test/strategy',
      body: { strategy: 'late', reason: 'tests' },
    },
    'DELETE /api/v1/senders/{name}': { path: () => '/api/v1/senders/x.test?reason=tests' },
    'POST /api/v1/splits/{id}/forgive': { path: () => `/api/v1/splits/${split}/forgive` },
    'PUT /api/v1/drain': { path: () => '/api/v1/drain' },
    'DELETE /api/v1/drain': { path: () => '/api/v1/drain' },
  }

const all = operations
  .filter(({ access }) => access === 'operate')
  .map(({ method, path }) => `${method} ${path}`)

describe('who changes something by the admin API', () => {
  test('this table has each change there is', () => expect(Object.keys(changes)).toEqual(all))

  test.each(all)('%s leaves one audit line', async (change) => {
    const before = app.facts.length
    const { path, body } = changes[change] ?? { path: () => '' }
    await ask(change.split(' ')[0] ?? '', path(), body)
    const told = app.facts.slice(before).filter((fact) => 'by' in fact)
    expect(told).toHaveLength(1)
    for (const fact of told)
      expect(lineOf(fact)).toMatchObject({ event: fact.kind, by: '127.0.0.1' })
  })
})
