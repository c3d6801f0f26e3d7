/**
 * Two worker processes with their ledger on Redis; whoever comes again may come to either.
 *
 *   senders ──▶ serve (workers: 2) ─┬─▶ worker 1 ─┬─▶ scripted mail server
 *                                   └─▶ worker 2 ─┘
 *                   └───────────────────┴─▶ redis-server 7.0 (Debian 12)
 */
import { describe, expect, test } from 'vitest'
import { pidsOf, sum, transactions } from '../../app/workers/clients.ts'
import { senderOf, untilAnswered } from '../../crash/sender.ts'
import { Home } from '../../crash/serve.ts'
import { startFakeBackend } from '../../support/fake-backend.ts'
import { until } from '../../support/lab/until.ts'
import { redisObstacle, startRedis } from './redis-server.ts'

const recipients = '"strict@example.org": strict\n"tag@example.org": tag-only\n'
const to = ['tag@example.org', 'strict@example.org']

describe.skipIf(redisObstacle() !== undefined)('two workers and one ledger on Redis', () => {
  test(
    'a split goes through both, and is known when one was killed',
    { timeout: 120_000 },
    async () => {
      await using redis = await startRedis()
      await using backend = await startFakeBackend()
      await using home = await Home.make()
      const config = `ledger: "${redis.url}/1"`
      const served = await home.serve({ backendUrl: backend.url, workers: 2, recipients, config })
      let messages = 0
      const message = (): Parameters<typeof senderOf>[0] => {
        const id = `<${++messages}@x.test>`
        return { from: 's@x.test', to, text: `Subject: x\r\nMessage-ID: ${id}\r\n\r\nhello\r\n` }
      }
      await until(
        'a split went through both',
        async () => {
          await untilAnswered(senderOf(message()), served.listeningPort)
          const bySplit = Map.groupBy(transactions(served), ({ split }) => split)
          bySplit.delete(undefined)
          return [...bySplit.values()].some((lines) => pidsOf(lines).size === 2)
        },
        { explain: () => served.output },
      )

      const begun = senderOf(message())
      await begun.attempt(served.listeningPort)
      expect(begun.open()).toHaveLength(1)
      const workers = [...pidsOf(transactions(served))].map(Number)
      for (const pid of workers) process.kill(pid, 'SIGKILL')
      await until('both are replaced', async () => {
        return (
          (await sum(served, 'workers_lost_total')) === 2 &&
          (await fetch(`${served.adminUrl}/readyz`)).ok
        )
      })
      // Who knows nothing of it would let both groups wait again.
      await begun.attempt(served.listeningPort)
      expect([...begun.answered.values()].map((reply) => reply.slice(0, 3))).toEqual(['250', '250'])
      expect(backend.delivered).toHaveLength(2 * messages)
      await until('no split is open', async () => (await sum(served, 'splits_open')) === 0)
      served.signal('SIGTERM')
      expect(await served.ending()).toBe(0)
    },
  )
})
