/** What is set over the admin API is in force in every worker when the answer is given. */
import { expect, test } from 'vitest'
import { Home, type Served } from '../../crash/serve.ts'
import type { Client } from '../../support/dialogue.ts'
import { startFakeBackend } from '../../support/fake-backend.ts'
import { until } from '../../support/lab/until.ts'
import { standStill } from '../../support/stopped.ts'
import { pidsOf, sessions, sessionsOfAll, transactions } from './clients.ts'

const workers = 4
const recipients = '"tag@example.org": tag-only\n"strict@example.org": strict\n'

interface Answer {
  readonly inForce?: string
  readonly notYet?: readonly string[]
}

async function put(url: string, body: object): Promise<Answer> {
  const headers = { 'content-type': 'application/json' }
  const response = await fetch(url, { method: 'PUT', headers, body: JSON.stringify(body) })
  expect(response.status).toBe(200)
  return (await response.json()) as Answer
}

const set = async ({ adminUrl }: Served, strategy: string): Promise<Answer> =>
  await put(`${adminUrl}/api/v1/peers/default/strategy`, { strategy })

const pin = async ({ adminUrl }: Served, strategy: string, time: string): Promise<Answer> =>
  await put(`${adminUrl}/api/v1/senders/127.0.0.0%2F24/strategy`, { strategy, for: time })

let senders = 0

/**
 * Is one of two recipients with different policies made to wait? Each time of another sender: none
 * is a return.
 */
async function servedBy(client: Client): Promise<string> {
  await client.ask(`MAIL FROM:<s${++senders}@x.test>`)
  const said = [
    await client.ask('RCPT TO:<tag@example.org>'),
    await client.ask('RCPT TO:<strict@example.org>'),
  ]
  await client.ask('RSET')
  return said[1]?.startsWith('451 4.5.3') === true ? 'group' : 'lenient'
}

test(
  'strategies.md: “When the command has answered, every worker process serves its next transaction by the new strategy.” Fifty times',
  { timeout: 180_000 },
  async () => {
    await using backend = await startFakeBackend()
    await using home = await Home.make()
    const served = await home.serve({ backendUrl: backend.url, workers, recipients })
    const clients = await sessionsOfAll(served, { workers, count: 16 })
    for (let round = 0; round < 50; round++) {
      const strategy = round % 2 === 0 ? 'lenient' : 'group'
      expect(await set(served, strategy)).toMatchObject({ inForce: strategy })
      const fresh = await sessions(served, 2)
      const seen = await Promise.all([...fresh, ...clients].map(servedBy))
      for (const client of fresh) client.close()
      expect(seen, `round ${round}`).toEqual(seen.map(() => strategy))
    }
    for (const client of clients) client.close()
  },
)

test(
  'strategies.md: “The command waits no longer than five seconds for a worker that does not react, and its answer names that worker (notYet).”',
  { timeout: 120_000 },
  async () => {
    await using backend = await startFakeBackend()
    await using home = await Home.make()
    const config = 'timeouts: { worker: 1h }'
    const served = await home.serve({ backendUrl: backend.url, workers, recipients, config })
    const clients = await sessionsOfAll(served, { workers, count: 16 })
    const [pid] = pidsOf(transactions(served))
    await standStill(Number(pid))
    try {
      expect((await set(served, 'lenient')).notYet).toEqual([
        expect.stringMatching(/^worker \d does not react$/),
      ])
    } finally {
      process.kill(Number(pid), 'SIGCONT')
    }
    await until('it knows of it when it goes on', async () => {
      const seen = await Promise.all(clients.map(servedBy))
      return seen.every((strategy) => strategy === 'lenient')
    })
    expect(await set(served, 'group')).not.toHaveProperty('notYet')
    for (const client of clients) client.close()
  },
)

test(
  'in-and-out.md: “no message begins a split, in no worker, when the command has its first answer” Ten times; and back',
  { timeout: 180_000 },
  async () => {
    await using backend = await startFakeBackend()
    await using home = await Home.make()
    const served = await home.serve({ backendUrl: backend.url, workers, recipients })
    await set(served, 'group')
    const clients = await sessionsOfAll(served, { workers, count: 16 })
    for (let round = 0; round < 10; round++) {
      const method = round % 2 === 0 ? 'PUT' : 'DELETE'
      expect((await fetch(`${served.adminUrl}/api/v1/drain`, { method })).status).toBe(200)
      const seen = await Promise.all(clients.map(servedBy))
      const expected = method === 'PUT' ? 'lenient' : 'group'
      expect(seen, `round ${round}`).toEqual(seen.map(() => expected))
    }
    for (const client of clients) client.close()
  },
)

test(
  'strategies.md: “A pin is in force in every worker when the command has answered, and ends in every worker when its time is over, also if Rcptwise was restarted meanwhile.” Ten times, over a kill -9, then for some seconds',
  { timeout: 180_000 },
  async () => {
    await using backend = await startFakeBackend()
    await using home = await Home.make()
    const config = 'peers: [{ name: default, strategy: auto }]'
    const start = async () =>
      await home.serve({ backendUrl: backend.url, workers, recipients, config })
    let served = await start()
    let clients = await sessionsOfAll(served, { workers, count: 16 })
    const seen = async (): Promise<readonly string[]> => await Promise.all(clients.map(servedBy))
    for (let round = 0; round < 10; round++) {
      const strategy = round % 2 === 0 ? 'group' : 'lenient'
      expect(await pin(served, strategy, '1h')).not.toHaveProperty('notYet')
      expect(await seen(), `round ${round}`).toEqual(clients.map(() => strategy))
    }
    expect(await pin(served, 'group', '1h')).not.toHaveProperty('notYet')
    for (const client of clients) client.close()
    await served.kill()
    served = await start()
    clients = await sessionsOfAll(served, { workers, count: 16 })
    expect(await seen()).toEqual(clients.map(() => 'group'))
    expect(await pin(served, 'group', '3s')).not.toHaveProperty('notYet')
    await until('it is over everywhere', async () =>
      (await seen()).every((strategy) => strategy === 'lenient'),
    )
    for (const client of clients) client.close()
  },
)
