/** What the history tells and who is waited for, as the admin API tells it. */
import type { HistoryJson } from '../admin/history-schema.ts'
import type { Answer } from '../history/question.ts'
import type { Ledger } from '../ledger/ledger.ts'
import type { Split } from '../split/split.ts'

/** Of the splits of some attempts: whose recipients are waited for, by the ledger. */
export type Awaited = HistoryJson['awaited']

/** Looked up in the ledger for one question. */
const mostSplits = 100

export async function awaitedIn(
  ledger: Pick<Ledger, 'find'>,
  { attempts }: Pick<Answer, 'attempts'>,
): Promise<Awaited> {
  const ids = [...new Set(attempts.flatMap(({ split }) => split ?? []))].slice(-mostSplits)
  const splits = await Promise.all(ids.map(async (id) => await ledger.find(id)))
  return splits.flatMap((split) => awaitedOf(split))
}

export const awaitedOf = (split: Split | undefined): Awaited =>
  split?.status === 'open'
    ? [
        {
          split: split.id,
          recipients: split.recipients
            .filter(({ state }) => state !== 'answered')
            .map(({ address }) => address),
        },
      ]
    : []

/** Both are the same words: the schema of the API has them as plain text. */
export const historyJson = (answer: Answer, awaited: Awaited): HistoryJson =>
  ({ ...answer, awaited }) as unknown as HistoryJson

/** What another front-end has told. */
export const answerIn = (json: HistoryJson): Answer => json as unknown as Answer
