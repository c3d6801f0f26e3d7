/** The history read from its file, while Rcptwise writes it or while it does not run. */
import { existsSync } from 'node:fs'
import { type Awaited, awaitedOf } from '../app/history-answer.ts'
import { addressKeeper } from '../history/addresses.ts'
import { keyIfAny } from '../history/key-file.ts'
import { type Answer, type Question, questionOf } from '../history/question.ts'
import { openHistoryReadOnly } from '../history/schema.ts'
import { search } from '../history/search.ts'
import { HistoryStore } from '../history/store.ts'
import { openReadOnly } from '../ledger/sqlite/connection.ts'
import { SplitStore } from '../ledger/sqlite/statements.ts'
import { CommandFailure } from './command-failure.ts'

/** What one front-end has told. */
export interface Told {
  /** Its address, or its file. */
  readonly name: string
  readonly answer: Answer
  readonly awaited: Awaited
}

type Asked = {
  readonly [Name in Exclude<keyof Question, 'since' | 'limit'>]?: string | undefined
} & { readonly limit: number; readonly sinceMs: number | undefined }

export function askHistoryFile(
  { path, ledger }: { readonly path: string; readonly ledger?: string },
  { sinceMs, ...asked }: Asked,
): Told {
  if (!existsSync(path))
    throw new CommandFailure(
      'failed',
      `there is no history at ${path}: run this as the user of Rcptwise, name the file with --history, or its front-ends with --server URL`,
    )
  const since = sinceMs === undefined ? undefined : Date.now() - sinceMs
  const store = new HistoryStore(openHistoryReadOnly(path))
  try {
    const keeper = addressKeeper('full', keyIfAny(path))
    const answer = search(store, questionOf({ ...asked, since }), { keeper, mode: store.mode() })
    const splits = new Set(answer.attempts.flatMap(({ split }) => split ?? []))
    return { name: path, answer, awaited: ledger === undefined ? [] : awaitedFrom(ledger, splits) }
  } finally {
    store.close()
  }
}

/** Nothing where there is no ledger, or it can't be read now: the history tells most of it. */
function awaitedFrom(path: string, splits: ReadonlySet<string>): Awaited {
  if (splits.size === 0 || !existsSync(path)) return []
  try {
    const store = new SplitStore(openReadOnly(path), { remember: false })
    try {
      return [...splits].flatMap((id) => awaitedOf(store.find(id)?.split))
    } finally {
      store.close()
    }
  } catch {
    return []
  }
}
