/**
 * The safety net: a deferred recipient of a message that others have their answer for, whom nobody
 * offers again. It may be mail that is lost to its recipient; `refused` ones would not have got it,
 * but their sender never heard so.
 */
import type { FactListener } from '../facts/fact.ts'
import type { Ledger } from './ledger.ts'
import { nextVersion } from '../split/split-course.ts'
import type { Split, SplitRecipient } from '../split/split.ts'
import { known } from '../known.ts'

export interface MissingOptions {
  readonly ledger: Pick<Ledger, 'stale' | 'save'>
  /** Not offered again for so long, ms. */
  readonly missingAfterMs: number
  readonly onFact: FactListener
  readonly now: () => number
}

export interface MissingCount {
  readonly peer: string
  readonly strategy: Split['strategy']
  readonly recipients: number
}

const splitsPerPage = 200
/** Of one look; those of the longest ago come first. */
const mostSplits = 10_000

const waits = ({ state }: SplitRecipient): boolean => state === 'waiting' || state === 'refused'

/** Someone has the message or an answer, so that the sender can't take it as failed. */
export const othersAnswered = ({ recipients }: Split): boolean =>
  recipients.some(({ state }) => state === 'answered' || state === 'delivered')

/** Those noticed to be missing; not any more once somebody offers them. */
export const missingIn = (split: Split): readonly SplitRecipient[] =>
  split.status === 'open' && othersAnswered(split)
    ? split.recipients.filter((recipient) => waits(recipient) && recipient.missingAt !== undefined)
    : []

/**
 * Notes who has become missing, each told once over all nodes, and gives how many are missing now.
 */
export async function noteMissing(options: MissingOptions): Promise<readonly MissingCount[]> {
  const at = options.now()
  const counts = new Map<string, MissingCount>()
  for await (const found of unattempted(options.ledger, at - options.missingAfterMs)) {
    const split = await note(found, at, options)
    const { peer, strategy } = split
    const key = `${strategy} ${peer}`
    const recipients = (counts.get(key)?.recipients ?? 0) + missingIn(split).length
    counts.set(key, { peer, strategy, recipients })
  }
  return [...counts.values()]
}

/** Splits with missing recipients, the longest unattempted first. */
export async function listMissing(
  ledger: Ledger,
  before: number,
  limit: number,
): Promise<readonly Split[]> {
  const missing: Split[] = []
  for await (const split of unattempted(ledger, before)) {
    if (missing.length >= limit) break
    if (missingIn(split).length > 0) missing.push(split)
  }
  return missing
}

async function note(
  split: Split,
  at: number,
  { ledger, missingAfterMs, onFact }: MissingOptions,
): Promise<Split> {
  if (split.deliveriesOnly === true) return split
  const isDue = (recipient: SplitRecipient): boolean =>
    waits(recipient) &&
    recipient.missingAt === undefined &&
    (recipient.deferredAt ?? at) < at - missingAfterMs
  const due = split.recipients.filter(isDue)
  if (due.length === 0) return split
  const recipients = split.recipients.map((each) =>
    isDue(each) ? { ...each, missingAt: at } : each,
  )
  const noted = nextVersion({ ...split, recipients })
  const { saved } = await ledger.save(noted)
  if (!saved) return split // somebody offers it in this moment, or another node has told of it
  const {
    id,
    peer,
    strategy,
    reversePath,
    messageId,
    attempt,
    vouched = false,
    deferredByJudge,
    lastAttemptAt,
  } = noted
  onFact({
    kind: 'recipientsMissing',
    at,
    split: id,
    peer,
    strategy,
    reversePath,
    recipients: due.map(({ address, state }) => ({
      address,
      state: state === 'refused' ? 'refused' : 'waiting',
    })),
    othersAnswered: othersAnswered(noted),
    lastAttemptAt,
    vouched: vouched && deferredByJudge === undefined,
    ...known({ messageId }),
    ...(attempt === undefined
      ? {}
      : {
          transaction: attempt.transaction,
          client: {
            address: attempt.address,
            ...known({ rdns: attempt.rdns }),
          },
        }),
  })
  return noted
}

/** Open splits last attempted before `before`, each once. */
async function* unattempted(ledger: Pick<Ledger, 'stale'>, before: number): AsyncGenerator<Split> {
  const seen = new Set<string>()
  let since = 0
  while (seen.size < mostSplits) {
    const page = await ledger.stale(before, splitsPerPage, since)
    const fresh = page.filter(({ id }) => !seen.has(id))
    if (fresh.length === 0) return
    for (const split of fresh) {
      seen.add(split.id)
      yield split
    }
    // More than a page of one millisecond: what is behind them is looked at once they are gone.
    since = page.at(-1)?.lastAttemptAt ?? since
  }
}
