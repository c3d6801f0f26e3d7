/** A server behind that has less room than there are workers: they share it. */
import { expect, test } from 'vitest'
import { Home } from '../../crash/serve.ts'
import { startFakeBackend } from '../../support/fake-backend.ts'
import { until } from '../../support/lab/until.ts'
import { pidsOf, sendOn, sessions, transactions } from './clients.ts'

test('workers share the connections of a server that has few: none is without, and it is down for nobody', async () => {
  await using backend = await startFakeBackend({ limit: { connections: 3 } })
  await using home = await Home.make()
  // Each worker has one from its start on.
  const served = await home.serve({ backendUrl: backend.url, workers: 2 })
  let sent = 0
  for (let round = 0; round < 12; round++) {
    const clients = await sessions(served, 6)
    const answers = await Promise.all(
      clients.map(async (client) => await sendOn(client, 'a@example.org')),
    )
    for (const client of clients) client.close()
    expect(
      answers.filter((answer) => !answer.startsWith('250 ')),
      served.output,
    ).toEqual([])
    sent += answers.length
  }
  expect(backend.delivered).toHaveLength(sent)
  expect(pidsOf(transactions(served)).size).toBe(2)
  // For a moment it may be one connection too many; the next one is not.
  await until('it is ready', async () => (await fetch(`${served.adminUrl}/readyz`)).ok)
  served.signal('SIGTERM')
  await served.ending()
}, 90_000)
