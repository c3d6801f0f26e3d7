/** What is asked of the history, and what it answers. Plain data. */
import { known } from '../known.ts'
import type { AddressKeeper, AddressMode } from './addresses.ts'
import type { Attempt, Closing } from './attempt.ts'
import type { Term } from './terms.ts'

/** All that is said has to hold of an attempt. */
export interface Question {
  /** Of a recipient, or of the sender. */
  readonly address?: string
  readonly from?: string
  readonly messageId?: string
  readonly client?: string
  readonly split?: string
  readonly queueId?: string
  /** Ms since the epoch. */
  readonly since?: number
  /** Attempts, at most; the newest ones. */
  readonly limit: number
}

/** What became of the file: what was in it is missing. */
export type LostFile = 'removed' | 'damaged'

/** A time of which something may be missing: of a file that is lost, when that was seen. */
export interface Gap {
  readonly from: number
  readonly until: number
  /** That are known to be missing; absent where nobody could count them. */
  readonly attempts?: number
  readonly why: string
}

export interface Answer {
  /** Those that were asked for, and the others of the same messages; oldest first. */
  readonly attempts: readonly Attempt[]
  /** Of their splits. */
  readonly closings: readonly Closing[]
  /** In the time that was asked about. */
  readonly gaps: readonly Gap[]
  /** There are more than the limit. */
  readonly more: boolean
  /** The oldest attempt that is kept; absent when there is none. */
  readonly keptSince?: number
  /**
   * Attempts that are not in the file, since it can't be written now; absent where the file alone
   * was asked.
   */
  readonly unwritten?: number
  readonly addresses: AddressMode
  /** What the address that was asked about is called in the attempts. */
  readonly asked: readonly string[]
}

/** One of these has to be there. */
export type Condition = readonly Term[]

/** People copy it with its brackets or without them. */
const messageIdForms = (written: string): readonly string[] => [
  written,
  written.startsWith('<') ? written.slice(1, -1) : `<${written}>`,
]

export function conditionsOf(question: Question, { forms }: AddressKeeper): readonly Condition[] {
  const { address, from, messageId, client, split, queueId } = question
  const conditions: Condition[] = []
  const add = (kind: Term['kind'], values: readonly string[]): void => {
    conditions.push(values.map((value) => ({ kind, value })))
  }
  if (address !== undefined)
    conditions.push(
      forms(address).flatMap((value) => [
        { kind: 'recipient', value },
        { kind: 'sender', value },
      ]),
    )
  if (from !== undefined) add('sender', forms(from))
  if (messageId !== undefined) add('messageId', messageIdForms(messageId))
  if (client !== undefined) add('client', [client])
  if (split !== undefined) add('split', [split])
  if (queueId !== undefined) add('queueId', [queueId])
  return conditions
}

/** The question that a URL or a command line asks. */
export const questionOf = (
  asked: {
    readonly [Name in keyof Question]?: Question[Name] | undefined
  } & { readonly limit: number },
): Question => ({ ...known(asked), limit: asked.limit })
