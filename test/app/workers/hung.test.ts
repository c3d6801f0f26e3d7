/** Workers whose event loop stands still, as the primary sees it: they are stopped with SIGSTOP. */
import { expect, test } from 'vitest'
import { senderOf, untilAnswered } from '../../crash/sender.ts'
import { Home, type Served } from '../../crash/serve.ts'
import { startFakeBackend } from '../../support/fake-backend.ts'
import { until } from '../../support/lab/until.ts'
import { pidsOf, sum, transactions } from './clients.ts'

const messageTo = (to: string) => ({
  from: 's@x.test',
  to: [to],
  text: 'Subject: x\r\n\r\nhello\r\n',
})
const readiness = async (
  served: Served,
): Promise<{ status: number; reasons: readonly string[] }> => {
  const response = await fetch(`${served.adminUrl}/readyz`)
  const { reasons } = (await response.json()) as { readonly reasons: readonly string[] }
  return { status: response.status, reasons }
}

async function pidsOfBoth(served: Served): Promise<readonly number[]> {
  await until('both have taken mail', async () => {
    await untilAnswered(senderOf(messageTo('a@example.org')), served.listeningPort)
    return pidsOf(transactions(served)).size === 2
  })
  return [...pidsOf(transactions(served))].map(Number)
}

test.each([
  ['one of two', 1],
  ['both', 2],
])(
  '%s: not ready meanwhile, ended, replaced, and mail is taken again',
  { timeout: 120_000 },
  async (_name, count) => {
    await using backend = await startFakeBackend()
    await using home = await Home.make()
    const served = await home.serve({
      backendUrl: backend.url,
      workers: 2,
      config: 'timeouts: { worker: 5s }',
    })
    const hung = (await pidsOfBoth(served)).slice(0, count)
    expect(await readiness(served)).toMatchObject({ status: 200 })
    for (const pid of hung) process.kill(pid, 'SIGSTOP')
    const reasons = new Set<string>()
    await until('they are noticed', async () => {
      for (const reason of (await readiness(served)).reasons) reasons.add(reason)
      return served.events('workerHung').length === count
    })
    await until('they are replaced', async () => (await readiness(served)).status === 200)
    expect(served.events('workerHung').map(({ pid }) => pid)).toEqual(expect.arrayContaining(hung))
    expect(served.events('workerLost').map(({ how }) => how)).toEqual(hung.map(() => 'SIGKILL'))
    expect(
      [...reasons].filter((reason) => /does not react|is being started again/.test(reason)).length,
    ).toBeGreaterThan(0)
    await untilAnswered(senderOf(messageTo('b@example.org')), served.listeningPort)
    expect(await sum(served, 'workers_hung_total')).toBe(count)
    expect(await sum(served, 'workers_lost_total')).toBe(count)
    served.signal('SIGTERM')
    expect(await served.ending()).toBe(0)
  },
)

test(
  'a primary that is stopped for longer than the limit takes no worker for hung',
  { timeout: 120_000 },
  async () => {
    await using backend = await startFakeBackend()
    await using home = await Home.make()
    const served = await home.serve({
      backendUrl: backend.url,
      workers: 2,
      config: 'timeouts: { worker: 5s }',
    })
    const before = await pidsOfBoth(served)
    process.kill(served.pid, 'SIGSTOP')
    await new Promise((resolve) => setTimeout(resolve, 12_000))
    process.kill(served.pid, 'SIGCONT')
    await new Promise((resolve) => setTimeout(resolve, 3000))
    expect(served.events('workerHung')).toEqual([])
    expect(await readiness(served)).toMatchObject({ status: 200 })
    await untilAnswered(senderOf(messageTo('b@example.org')), served.listeningPort)
    expect(before).toContain(Number(transactions(served).at(-1)?.['pid']))
    served.signal('SIGTERM')
    expect(await served.ending()).toBe(0)
  },
)
