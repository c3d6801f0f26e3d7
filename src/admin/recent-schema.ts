/** What the admin API tells of the last hours and of this moment, as a schema. */
import { z } from 'zod'

const count = z.number().min(0)

const minute = z.object({
  at: z.number().describe('When it began, in milliseconds since 1970-01-01 00:00 UTC.'),
  messages: count.describe('Each once, however often it came: a retry is no new one.'),
  outcomes: z.record(z.string(), count).describe('Transactions by outcome.'),
  forcedRetries: count,
  delays: z
    .array(z.object({ peer: z.string(), strategy: z.string(), counts: z.array(count) }))
    .describe('How long senders took to come back: so many in each of the buckets.'),
})

export const recentAnswer = z.object({
  instance: z.string(),
  version: z.string(),
  startedAt: z.number(),
  ready: z.boolean(),
  reasons: z.array(z.string()).describe('What is missing, in words.'),
  draining: z.boolean(),
  minutes: z.array(minute).describe('Oldest first; the last one goes on.'),
  delayBounds: z.array(z.number()).describe('Upper bounds of the buckets, in seconds.'),
  open: count.describe('Open splits.'),
  missing: count.describe('Recipients whom nobody offers again.'),
  sessions: count.describe('Open connections of clients.'),
  ledgerDurable: z.boolean(),
  servers: z.array(z.object({ name: z.string(), up: z.boolean(), connections: count })),
  judges: z.array(z.object({ name: z.string(), serversDown: count, asked: count, failed: count })),
})

export type RecentJson = z.output<typeof recentAnswer>
