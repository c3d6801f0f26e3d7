/**
 * What the admin API takes and answers, as schemas: checking, types and description come from them.
 * Times are ISO 8601 in UTC.
 */
import { z } from 'zod'
import { configurableStrategies, strategyNames } from '../strategy/names.ts'
import { overrulingWords, reasonWords, recipientLimits, thresholdWords } from '../verdict/reason.ts'
import { durationForm, parseDuration } from './duration.ts'

/** A choice whose error names all. */
const oneOf = <const Names extends readonly [string, ...string[]]>(names: Names) =>
  z.enum(names, { error: `one of ${names.join(', ')}` })

/** An object with these keys alone; `form` says what is expected to who sends another. */
export const exactly = <Shape extends z.ZodRawShape>(shape: Shape, form: string) =>
  z.strictObject(shape, { error: form })

/** The parameters of a query, each at most once. */
export const parameters = <Shape extends z.ZodRawShape>(shape: Shape) =>
  exactly(shape, `one of ${Object.keys(shape).join(', ')}`)

const time = z.iso.datetime()
const count = z.int().min(0)
/** Where a change is not in force yet, in words; absent: it is in force everywhere. */
const notYet = z
  .array(z.string())
  .optional()
  .describe('Where the change is not in force yet; absent: it is in force everywhere.')

const reasonForm = 'a text of at most 500 characters, without control characters'
/** Why a change is made. */
export const reason = z
  .string({ error: reasonForm })
  .regex(/^[^\p{Cc}\p{Cs}]{1,500}$/u, { error: reasonForm })
  .describe('Why, in your words: it is in the log and in the audit log.')

/** Of changes that have no body. */
export const withReason = parameters({ reason: reason.optional() })

export const configurableStrategy = oneOf(configurableStrategies)
export const servedStrategy = oneOf(strategyNames)
export const pinnedStrategy = oneOf([...strategyNames, 'auto'])

export const duration = z
  .string({ error: durationForm })
  .refine((text) => parseDuration(text) !== undefined, { error: durationForm })
  .describe(`How long, ${durationForm}.`)

/** A whole number in a query. */
export const wholeNumber = (least: number, most: number) => {
  const error = `a number from ${least} to ${most}`
  return z
    .string({ error })
    .regex(/^[0-9]{1,9}$/, { error })
    .transform(Number)
    .pipe(z.int().min(least, { error }).max(most, { error }))
}

/** `true` or `false` in a query. */
export const yesOrNo = z
  .enum(['true', 'false'], { error: 'true or false' })
  .transform((word) => word === 'true')
  .pipe(z.boolean())

export const readiness = z.object({
  ready: z.boolean(),
  reasons: z.array(z.string()).describe('What is missing, in words.'),
  draining: z.boolean().describe('No new split is begun (`rcptwise drain`); mail is taken.'),
})

export const health = z.object({ healthy: z.boolean() })

export const peer = z.object({
  name: z.string(),
  configured: configurableStrategy.describe('The strategy in the configuration.'),
  inForce: configurableStrategy,
  shadow: servedStrategy.optional().describe('Another strategy whose cost is counted.'),
  override: z
    .object({
      strategy: configurableStrategy,
      until: time.optional().describe('Absent: until it is reset.'),
      by: z.string(),
      setAt: time,
    })
    .optional()
    .describe('Set while serve runs; absent: the configuration is in force.'),
  deferCode: z.union([z.literal(450), z.literal(451), z.literal(452)]),
  retryHintSeconds: z.number(),
  match: z.string().describe('Which peers the class holds, in words for one line.'),
  meanings: z
    .record(z.string(), z.string())
    .describe('What each strategy would do to whom, in words.'),
  notYet,
})

const { name: peerName, configured, inForce, override } = peer.shape
/** What can be changed of a peer class, and nothing that changes by itself. */
export const peerStrategy = z.object({ name: peerName, configured, inForce, override })

export const session = z.object({
  by: z
    .string()
    .optional()
    .describe('The name of the token; without tokens, the address of the client.'),
  role: z.enum(['read', 'operate']).optional().describe('Absent: the client has to log in.'),
  wantsToken: z.boolean().describe('False: the admin API has no tokens.'),
  until: time.optional().describe('When the session ends; absent: the client shows its token.'),
})

export const peers = z.object({ peers: z.array(peer) })

export const sender = z.object({
  name: z.string().describe('A domain, or a network.'),
  strategy: servedStrategy,
  why: z.string(),
  lessons: z.record(z.string(), z.number()).describe('What was counted of its messages.'),
  forcedRetries: count.describe('Recipients that were deferred only to split.'),
  retryDelays: z
    .array(count)
    .describe('After how many seconds its last retries came, the latest last; at most 20.'),
  lastSeen: time.optional().describe('When its last message came of which something was counted.'),
  lastChange: time,
  pin: z
    .object({
      strategy: servedStrategy,
      by: z.string(),
      at: time,
      until: time.optional().describe('Absent: until somebody takes it away.'),
    })
    .optional(),
  notYet,
})

/** What can be changed of a sender. */
export const senderStrategy = z.object({
  name: sender.shape.name,
  strategy: servedStrategy.optional().describe('Absent: nothing is known of the sender.'),
  pin: sender.shape.pin,
})

export const happened = z.object({
  events: z
    .array(
      z.looseObject({
        kind: z.string().describe('The name of the event.'),
        at: z.number().describe('When, in milliseconds since 1970-01-01 00:00 UTC.'),
      }),
    )
    .describe('As in the stream of events, with the fields of their kind.'),
})

export const audit = z.object({
  entries: z
    .array(
      z.object({
        at: time,
        by: z.string().describe('The name of the token; without tokens, the address.'),
        change: z.string().describe('The event in the log.'),
        of: z.string().optional().describe('The peer class, the sender or the split.'),
        from: z.string().optional(),
        to: z.string().optional(),
        until: time.optional(),
        reason: z.string().optional(),
      }),
    )
    .describe('The last one first.'),
  more: z.boolean().describe('There are more than the limit.'),
})

export const senders = z.object({
  senders: z.array(sender),
  more: z.boolean().describe('There are more than are shown.'),
})

export const forgotten = z.object({ name: z.string(), forgotten: z.boolean() })

export const fate = z.object({ address: z.string(), what: z.string() })

/** The keys of a table of words, typed. */
const keysOf = <Word extends string>(words: Readonly<Record<Word, string>>): readonly Word[] =>
  Object.keys(words) as Word[]

const ownReasonShape = {
  because: z.enum([...keysOf(reasonWords), ...keysOf(thresholdWords), 'limit']),
  score: z.number().optional(),
  threshold: z.number().optional().describe('What the score reaches.'),
  judge: z.string().optional().describe("Whose score it is, if not the first scorer's."),
  limit: z.enum(recipientLimits).optional().describe('The limit that is reached.'),
}

/** docs/log.md has what each word means. */
export const recipientReason = z.object({
  ...ownReasonShape,
  because: z.enum([...ownReasonShape.because.options, ...keysOf(overrulingWords)]),
  overrules: z.object(ownReasonShape).optional().describe('What would have decided otherwise.'),
})

export const givenAnswer = z.object({
  code: z.int(),
  status: z.string().optional().describe('The enhanced status code.'),
  text: z.string().describe('Cut to 200 characters.'),
  at: time.optional(),
})

export const splitRecipient = z.object({
  address: z.string(),
  state: z.string(),
  reply: z.string().optional().describe('The reply that is kept for the recipient.'),
  transaction: z
    .string()
    .optional()
    .describe('The last transaction in which the recipient was offered.'),
  reason: recipientReason.optional().describe('Of what that transaction made of the recipient.'),
  answer: givenAnswer.optional().describe('What was answered for good.'),
  deferredAt: time.optional(),
  missingSince: time.optional(),
  deferrals: count,
})

export const split = z.object({
  id: z.string(),
  status: z.string(),
  from: z.string().describe('The reverse-path; empty for reports.'),
  messageId: z.string().optional(),
  peer: z.string(),
  strategy: z.string(),
  startedAt: time,
  lastAttemptAt: time,
  closedAt: time.optional(),
  forgiven: z.boolean(),
  forcedRetries: count,
  idleAttempts: count,
  openedBy: z.string().describe('The transaction that opened it.'),
  lastTransaction: z.string().optional(),
  client: z.string().optional(),
  waiting: count.describe('Recipients without a final answer.'),
  recipients: z.array(splitRecipient),
  ifForgiven: z
    .array(fate)
    .optional()
    .describe('Of an open split: what would become of each recipient if it were forgiven.'),
})

export const splits = z.object({
  splits: z.array(split),
  more: z.boolean().describe('There are more than the limit.'),
})

const heldSplit = z.object({
  id: z.string(),
  from: z.string().describe('The reverse-path; empty for reports.'),
  client: z.string().optional().describe('Of the last attempt.'),
  messageId: z.string().optional(),
  startedAt: time,
  lastAttemptAt: time,
  held: z.array(z.string()).describe('Who has the message, or may have it.'),
  waiting: z.array(z.string()).describe('Who else is still without an answer.'),
  comesBack: z
    .object({ fromSeconds: count, toSeconds: count.optional() })
    .optional()
    .describe(
      'When messages of this sender were seen to come back after an attempt; absent: not known.',
    ),
})

export const drain = z.object({
  draining: z.boolean().describe('No new split is begun.'),
  since: time.optional(),
  by: z.string().optional(),
  done: z
    .boolean()
    .describe(
      'No split is begun, in no open one has somebody the message without its sender knowing, and all of that is certain.',
    ),
  open: count.describe('Open splits.'),
  held: count.describe('Open splits in which somebody has the message already.'),
  all: z.boolean().describe('False: there are more open splits than were looked at.'),
  durable: z.boolean().describe('False: the ledger is away, and not all splits are known.'),
  shared: z.boolean().describe('The ledger is one that other front-ends may share.'),
  splits: z.array(heldSplit).describe('Those held, the longest unattempted first.'),
  notYet,
})

export const failure = z.object({
  error: z.string().describe('What is wrong.'),
  expected: z.string().describe('What was expected instead.'),
  current: z.unknown().optional().describe('With 412: what is there now.'),
})

export type HappenedJson = z.output<typeof happened>
export type AuditEntryJson = z.output<typeof audit>['entries'][number]
export type PeerJson = z.output<typeof peer>
export type SenderJson = z.output<typeof sender>
export type DrainJson = z.output<typeof drain>
export type SplitJson = z.output<typeof split>
