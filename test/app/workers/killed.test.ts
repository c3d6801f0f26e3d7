/**
 * One of two workers is killed (-9) while senders send: the other goes on, nothing is lost, no
 * counter ever goes down, the ledger ends with no split open, and the successor takes mail.
 */
import { expect, test } from 'vitest'
import { type Sender, senderOf } from '../../crash/sender.ts'
import { Home, type Served } from '../../crash/serve.ts'
import { startFakeBackend } from '../../support/fake-backend.ts'
import { until } from '../../support/lab/until.ts'
import { pidsOf, sum, transactions } from './clients.ts'

const recipients = '"strict@example.org": strict\n"tag@example.org": tag-only\n'
const [tag, strict] = ['tag@example.org', 'strict@example.org'] as const
const senders = 8

/** Every counter that is exported, by name and labels. */
async function counters(served: Served): Promise<ReadonlyMap<string, number>> {
  const text = await (await fetch(`${served.adminUrl}/metrics`)).text()
  const names = [...text.matchAll(/^# TYPE (rcptwise_\S+) (?:counter|histogram)$/gm)].map(
    ([, name = '']) => name,
  )
  const series = [...text.matchAll(/^(rcptwise_[a-z_]+)(\{.*\})? (\S+)$/gm)]
  return new Map(
    series
      .filter(([, name = '']) => names.some((known) => name.startsWith(known)))
      .map(([, name = '', labels = '', value]) => [name + labels, Number(value)]),
  )
}

/** What of the earlier scrape is less now, or gone. */
const fallen = (
  before: ReadonlyMap<string, number>,
  after: ReadonlyMap<string, number>,
): string[] =>
  [...before].filter(([name, value]) => (after.get(name) ?? -1) < value).map(([name]) => name)

test('under load', { timeout: 120_000 }, async () => {
  await using backend = await startFakeBackend()
  await using home = await Home.make()
  const served = await home.serve({ backendUrl: backend.url, workers: 2, recipients })
  let sending = true
  const messages: { readonly id: string; readonly sender: Sender; cut: boolean }[] = []
  const loop = async (number: number): Promise<void> => {
    for (let i = 0; sending; i++) {
      const id = `${number}-${i}`
      const text = `Subject: ${id}\r\nMessage-ID: <${id}@x.test>\r\n\r\nhello\r\n`
      const message = {
        id,
        sender: senderOf({ from: `s${number}@x.test`, to: [tag, strict], text }),
        cut: false,
      }
      messages.push(message)
      // One attempt takes one group at least, unless it breaks off.
      for (let attempts = 1; message.sender.open().length > 0; attempts++) {
        if (attempts > 20) throw new Error(`${id} is never answered`)
        const open = message.sender.open().length
        await message.sender.attempt(served.listeningPort)
        if (message.sender.open().length === open) message.cut = true
      }
    }
  }
  const loops = Promise.all(
    Array.from({ length: senders }, async (_, number) => await loop(number)),
  )
  let last = await counters(served)
  let scraping = true
  const scrapes = (async (): Promise<void> => {
    while (scraping) {
      const next = await counters(served)
      expect(fallen(last, next)).toEqual([])
      last = next
    }
  })()

  await until('both take mail', () => pidsOf(transactions(served)).size === 2, {
    explain: () => served.output,
  })
  const [victim] = pidsOf(transactions(served))
  const survivor = [...pidsOf(transactions(served))].find((pid) => pid !== victim)
  process.kill(Number(victim), 'SIGKILL')
  await until('it is noticed', () => served.events('workerLost').length === 1)
  const took = (pid: unknown): number =>
    transactions(served).filter((line) => line['pid'] === pid).length
  const before = took(survivor)
  await until('the other goes on', () => took(survivor) > before, { explain: () => served.output })
  await until('the successor takes mail', () => pidsOf(transactions(served)).size === 3, {
    explain: () => served.output,
  })
  sending = false
  await loops
  await until('all sessions have ended', async () => (await sum(served, 'sessions_open')) === 0)
  scraping = false
  await scrapes

  const delivered = (id: string, to: string): number =>
    backend.delivered.filter(
      (message) =>
        message.text.toString().includes(`<${id}@x.test>`) &&
        message.recipients.join().includes(to),
    ).length
  for (const { id, sender, cut } of messages) {
    expect([...sender.answered.values()].map((reply) => reply.slice(0, 3))).toEqual(['250', '250'])
    for (const to of [tag, strict]) {
      // Twice only where the answer was lost with the worker (RFC 1047).
      expect([id, to, delivered(id, to)]).toEqual([id, to, cut ? expect.toBeOneOf([1, 2]) : 1])
    }
  }
  expect(messages.filter(({ cut }) => cut).length).toBeLessThanOrEqual(senders)
  // A sender that leaves without QUIT is listened after before an answer out of the ledger counts.
  await until('no split is open', async () => (await sum(served, 'splits_open')) === 0, {
    explain: () => served.output,
  })
  expect(await sum(served, 'workers_lost_total')).toBe(1)
  // What the one that was killed had not told yet is missing, and nothing else.
  const lines = transactions(served)
  const counted = await sum(served, 'transactions_total')
  expect(counted).toBeLessThanOrEqual(backend.delivered.length + messages.length)
  expect(counted).toBeGreaterThanOrEqual(lines.filter(({ pid }) => pid !== victim).length)
  served.signal('SIGTERM')
  expect(await served.ending()).toBe(0)
})
