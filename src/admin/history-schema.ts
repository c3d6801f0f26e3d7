/** What the admin API tells of the history, as a schema. */
import { z } from 'zod'
import { recipientReason } from './schemas.ts'

const moment = z.number().describe('Milliseconds since 1970-01-01 00:00 UTC.')

const attempt = z.object({
  at: moment.describe('When the transaction was over.'),
  ms: z.number().describe('How long it took.'),
  transaction: z.string(),
  peer: z.string(),
  client: z.object({
    address: z.string(),
    helo: z.string(),
    rdns: z.string().optional(),
    tls: z.boolean(),
  }),
  reversePath: z.string(),
  mode: z.string(),
  outcome: z.string(),
  strategy: z.string(),
  unsplit: z.string().optional(),
  sizeBytes: z.number(),
  messageId: z.string().optional(),
  score: z.number().optional(),
  reply: z.string().optional(),
  split: z.string().optional(),
  judges: z.array(
    z.object({
      judge: z.string(),
      result: z.string(),
      score: z.number().optional(),
      symbols: z.array(z.string()).readonly().optional(),
      why: z.string().optional(),
    }),
  ),
  recipients: z.array(
    z.object({
      address: z.string(),
      policy: z.string().optional(),
      group: z.number().optional(),
      fate: z.string(),
      verdict: z.string().optional(),
      reason: recipientReason,
      final: z.boolean(),
      reply: z.string().optional(),
      taken: z
        .object({ queueId: z.string().optional() })
        .optional()
        .describe('Your server took the message for the recipient in this transaction.'),
      duplicate: z.boolean().optional(),
      reported: z.boolean().optional(),
      returnedAfterMs: z.number().optional(),
    }),
  ),
})

const closing = z.object({
  at: moment,
  split: z.string(),
  outcome: z.string(),
  recipients: z.array(z.string()),
})

const gap = z.object({
  from: moment,
  until: moment,
  attempts: z.number().optional().describe('How many are missing, where it is known.'),
  why: z.string(),
})

const awaited = z.object({
  split: z.string(),
  recipients: z.array(z.string()).describe('Who is waited for.'),
})

export const historyAnswer = z.object({
  attempts: z
    .array(attempt)
    .describe('Those that were asked for, and the others of the same messages; oldest first.'),
  closings: z.array(closing).describe('How their splits ended.'),
  awaited: z.array(awaited).describe('Their splits that are open in the ledger.'),
  gaps: z
    .array(gap)
    .describe('What is missing: when something could not be written, or the file was lost.'),
  more: z.boolean().describe('There are more than the limit.'),
  keptSince: moment.optional().describe('The oldest attempt that is kept.'),
  unwritten: z
    .number()
    .optional()
    .describe('Attempts that are missing at this moment, because Rcptwise can not write them.'),
  addresses: z.string().describe('What is kept of addresses: full, domain or hash.'),
  asked: z.array(z.string()).describe('What the address is called in the attempts.'),
})

export type HistoryJson = z.output<typeof historyAnswer>
