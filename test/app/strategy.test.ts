/**
 * A strategy that is set over the admin API: in force for the next transaction, across a restart,
 * until it is reset or has run out.
 */
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { startTestApp, type TestApp } from '../support/app.ts'
import { Client } from '../support/dialogue.ts'

const recipients = '"tag@example.org": tag-only\n"strict@example.org": strict\n'

async function put(app: TestApp, body: unknown): Promise<number> {
  return await ask(app, 'PUT', body)
}
async function ask(app: TestApp, method: string, body?: unknown): Promise<number> {
  const url = `http://127.0.0.1:${app.app.admin?.port ?? 0}/api/v1/peers/default/strategy`
  const headers = { 'content-type': 'application/json' }
  const response = await fetch(url, {
    method,
    headers,
    ...(body === undefined ? {} : { body: JSON.stringify(body) }),
  })
  return response.status
}

/** Is the second of two recipients with different policies deferred? */
async function splits(app: TestApp): Promise<boolean> {
  const client = await Client.connect(app.port)
  await client.reply()
  await client.ask('EHLO client.test')
  await client.ask('MAIL FROM:<s@example.net>')
  await client.ask('RCPT TO:<tag@example.org>')
  const second = await client.ask('RCPT TO:<strict@example.org>')
  await client.ask('RSET')
  client.close()
  return second.startsWith('451 4.5.3')
}

test('README.md: “You can switch how Rcptwise serves a class of senders while mail flows.” strategies.md: “You choose it per peer class (peers: in the configuration).” “You can switch it while mail flows” It survives a restart and ends with its reset', async () => {
  const directory = await mkdtemp(join(tmpdir(), 'rcptwise-strategy-'))
  try {
    {
      await using app = await startTestApp({ recipients, directory })
      expect(await put(app, { strategy: 'lenient' })).toBe(200)
      expect(await splits(app)).toBe(false)
      expect(app.facts).toContainEqual(
        expect.objectContaining({ kind: 'strategyChanged', strategy: 'lenient', reset: false }),
      )
    }
    await using app = await startTestApp({ recipients, directory })
    expect(await splits(app)).toBe(false)
    expect(await app.metrics()).toContain(
      'rcptwise_strategy_in_force{peer="default",strategy="lenient"} 1',
    )
    expect(await ask(app, 'DELETE')).toBe(200)
    expect(await splits(app)).toBe(true)
  } finally {
    await rm(directory, { recursive: true, force: true })
  }
})

test('it runs out by itself', async () => {
  let now = Date.now()
  await using app = await startTestApp({ recipients, now: () => now })
  expect(await put(app, { strategy: 'off', for: '2h' })).toBe(200)
  expect(await splits(app)).toBe(false)
  now += 2 * 3_600_000 + 60_000
  expect(await splits(app)).toBe(true)
})

test.each([
  [{ strategy: 'sometimes' }, 400],
  [{ strategy: 'lenient', for: 'ever' }, 400],
  [{}, 400],
])('%j is answered %i and changes nothing', async (body, status) => {
  await using app = await startTestApp({ recipients })
  expect(await put(app, body)).toBe(status)
  expect(await splits(app)).toBe(true)
})
