/** A server behind that goes and comes, in front of several workers: what the log says of it. */
import { expect, test } from 'vitest'
import { AwayOfAll } from '../../../src/app/workers/away.ts'
import type { AwayFact } from '../../../src/app/workers/messages.ts'
import { Home } from '../../crash/serve.ts'
import { startFakeBackend } from '../../support/fake-backend.ts'
import { until } from '../../support/lab/until.ts'
import { sendOn, sessions } from './clients.ts'

test('it is told when the first worker leaves a server alone, and when the last one uses it again', () => {
  const told: string[] = []
  const all = new AwayOfAll<string>(({ kind }) => told.push(kind))
  const place = { at: 0, server: 'smtp://x', address: '10.0.0.5' }
  const gone: AwayFact = { kind: 'backendEjected', ...place, why: 'no', forMs: 5000 }
  const back: AwayFact = { kind: 'backendReturned', ...place }
  all.hear('a', gone)
  all.hear('b', gone)
  all.hear('a', back)
  expect(told).toEqual(['backendEjected'])
  all.hear('b', back)
  all.hear('b', back)
  expect(told).toEqual(['backendEjected', 'backendReturned'])
  all.hear('a', gone)
  all.leave('a')
  all.hear('b', gone)
  expect(told.slice(2)).toEqual(['backendEjected', 'backendEjected'])
})

test('two workers, and a server that is down while clients come: one line when it goes, one when it comes', async () => {
  const first = await startFakeBackend()
  await using home = await Home.make()
  const served = await home.serve({ backendUrl: first.url, workers: 2 })
  await first.stop()
  for (let i = 0; i < 3; i++) {
    const clients = await sessions(served, 6)
    for (const client of clients) {
      expect(await sendOn(client, 'a@example.org')).toMatch(/^451 /)
      client.close()
    }
  }
  await using again = await startFakeBackend({ port: first.port })
  const lines = (): unknown[] =>
    ['backendEjected', 'backendReturned', 'backendFailed'].flatMap((event) =>
      served.events(event).map(() => event),
    )
  await until('it is used again', () => lines().includes('backendReturned'), {
    explain: () => served.output,
  })
  // A connection that was lost in a dialogue has a line of its own.
  expect(lines().filter((event) => event !== 'backendFailed')).toEqual([
    'backendEjected',
    'backendReturned',
  ])
  expect(served.events('backendFailed').filter(({ step }) => step === 'connect')).toEqual([])
  expect(again.port).toBe(first.port)
  served.signal('SIGTERM')
  await served.ending()
}, 90_000)
