/**
 * A sender that leaves while the mail server behind thinks, and comes again to whichever worker
 * takes it; and a worker that is killed at it.
 */
import { expect, test } from 'vitest'
import { copies, leaveAndReturn, moments, offer } from '../../crash/returns.ts'
import { Home, type Served } from '../../crash/serve.ts'
import { type FakeBackend, startFakeBackend } from '../../support/fake-backend.ts'
import { until } from '../../support/lab/until.ts'
import { pidsOf, sum, transactions } from './clients.ts'

const message = (n: number): Parameters<typeof offer>[1] => ({
  from: 's@x.test',
  to: ['a@example.org'],
  text: `Subject: ${n}\r\nMessage-ID: <${n}@x.test>\r\n\r\nhello\r\n`,
})

interface OpenSplits {
  readonly splits: readonly unknown[]
}

const openSplits = async ({ adminUrl }: Served): Promise<number> => {
  const answer = (await (await fetch(`${adminUrl}/api/v1/splits`)).json()) as OpenSplits
  return answer.splits.length
}

async function clear(backend: FakeBackend, served: Served): Promise<void> {
  ;(backend.delivered as unknown[]).length = 0
  ;(backend.texts as unknown[]).length = 0
  await until('nothing is left open', async () => (await openSplits(served)) === 0)
}

test.each(moments)(
  'the return hears 250 and nobody has it twice, at whichever worker it comes to, %s',
  async (moment) => {
    await using backend = await startFakeBackend()
    await using home = await Home.make()
    const served = await home.serve({ backendUrl: backend.url, workers: 4 })
    const ports = [served.listeningPort, served.listeningPort] as const
    for (let n = 0; n < 12; n++) {
      const how = {
        gone: n % 2 === 0 ? 'FIN' : 'RST',
        moment,
        message: message(n),
        ports,
        backend,
      } as const
      expect(
        await leaveAndReturn({ ...how, openSplits: async () => await openSplits(served) }),
      ).toMatch(/^250/)
      expect(copies(backend, message(n))).toEqual([1])
      await clear(backend, served)
    }
    expect(pidsOf(transactions(served)).size, 'workers that took part').toBeGreaterThan(1)
    expect(await sum(served, 'transactions_total'), 'transactions').toBeGreaterThan(12)
    expect(await sum(served, 'messages_total'), 'messages').toBe(12)
  },
)

test(
  'known-limits.md: “When a process of this machine has ended, Rcptwise does not wait for the attempt that this process was at.”',
  { timeout: 90_000 },
  async () => {
    const goOn = Promise.withResolvers<undefined>()
    await using backend = await startFakeBackend()
    await using home = await Home.make()
    const served = await home.serve({
      backendUrl: backend.url,
      workers: 2,
      config: 'timeouts: { under_way: 5m }',
    })
    let n = 0
    await until('both take mail', async () => {
      const client = await offer(served.listeningPort, message(++n))
      await client.reply()
      client.close()
      return pidsOf(transactions(served)).size === 2
    })
    await clear(backend, served)
    const asked = Promise.withResolvers<undefined>()
    backend.rule({
      on: 'DATA',
      nth: 1,
      hold: goOn.promise,
      reached: () => asked.resolve(undefined),
    })
    const first = await offer(served.listeningPort, message(0))
    await asked.promise
    first.close()
    await until('the ledger knows of the delivery', async () => (await openSplits(served)) === 1)
    for (const pid of pidsOf(transactions(served))) process.kill(Number(pid), 'SIGKILL')
    await until('both are replaced', async () => {
      return (
        served.events('workerLost').length === 2 && (await fetch(`${served.adminUrl}/readyz`)).ok
      )
    })
    const second = await offer(served.listeningPort, message(0))
    expect((await second.reply())[0]).toMatch(/^250/)
    second.close()
    goOn.resolve(undefined)
    expect(copies(backend, message(0))).toEqual([1])
  },
)
