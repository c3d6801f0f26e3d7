/**
 * What a recipient wants done with suspicious mail. A message that reaches several thresholds gets
 * the strictest. A threshold that is absent is never reached.
 */
import { refusesStrangers, type SenderLists, type SenderWish, wishFor } from './sender-lists.ts'

/** Scores of one scorer. */
export interface Thresholds {
  readonly tagAt?: number
  readonly quarantineAt?: number
  readonly deferAt?: number
  readonly rejectAt?: number
}

/** Its own thresholds are about the score of the first scorer in the configuration. */
export interface Policy extends Thresholds, SenderLists {
  /** Its name in the configuration, for the log; two names that say the same are one group. */
  readonly name: string
  /** "No delay, please": goes through before every other group (design: Strategies). */
  readonly neverDefer: boolean
  /** About the scores of a judge with this name, in place of its own. */
  readonly scorers?: Readonly<Record<string, Thresholds>>
  /** What a judge refuses or throws away is marked or set aside. */
  readonly neverReject?: true
  /** A judge that wants everyone to come again does not make this recipient wait. */
  readonly noGreylisting?: true
  /** Words of judges about a text: refused, marked, or taken whatever its score is. */
  readonly rejectSymbols?: ReadonlySet<string>
  readonly tagSymbols?: ReadonlySet<string>
  readonly acceptSymbols?: ReadonlySet<string>
  /** Larger messages are refused. */
  readonly maxSizeBytes?: number
  /** What a refused sender is told, as Unicode. */
  readonly rejectText?: string
  /** `own`: shares a transaction with nobody. */
  readonly group?: 'own'
  /** Those of several mailboxes behind one address: they decide about a message. */
  readonly several?: SeveralPolicies
}

/** Each is asked alone what it would do with the message; the mildest or the strictest counts. */
export interface SeveralPolicies {
  readonly which: 'mildest' | 'strictest'
  readonly of: readonly Policy[]
}

export interface Offered {
  /** The recipient's. */
  readonly address: string
  /** Address of the reverse-path. */
  readonly sender: string
}

/**
 * Recipients with equal keys can share an answer: of this message their policies say the same, as
 * far as can be told before its text.
 */
export function groupOf(policy: Policy, { address, sender }: Offered): string {
  const { group, several } = policy
  if (group === 'own') return `own ${address}`
  return several === undefined ? keyFor(policy, sender) : keyOfSeveral(several, sender)
}

function keyFor(policy: Policy, sender: string): string {
  const wish = wishFor(policy, sender)
  if (wish === 'accept') return `accepts ${forcedKey(policy)}`
  if (wish === 'refuse') return 'refuses'
  return refusesStrangers(policy, sender) ? `knows ${keyOf(policy)}` : keyOf(policy)
}

function keyOfSeveral({ which, of }: SeveralPolicies, sender: string): string {
  const wishes = of.map((policy) => wishFor(policy, sender))
  const deciding =
    which === 'mildest' && wishes.includes('accept')
      ? of.filter((_, i) => wishes[i] === 'accept')
      : of.filter((_, i) => which === 'strictest' || wishes[i] !== 'refuse')
  const all = [...new Set(deciding.map((policy) => keyFor(policy, sender)))].toSorted()
  return all.length > 1 ? `${which} of ${all.join(' ')}` : (all[0] ?? 'refuses')
}

/** What the lists of senders say before the text, where the author is not known yet. */
export function wishBeforeText(policy: Policy, sender: string): SenderWish {
  const { several } = policy
  if (several === undefined) return wishFor(policy, sender)
  const wishes = several.of.map((one) => wishFor(one, sender))
  const [one, all] = oneAndAll[several.which]
  if (wishes.includes(one)) return one
  return wishes.every((wish) => wish === all) ? all : undefined
}

/** What counts if one of several says it, and what only if all do. */
const oneAndAll = {
  mildest: ['accept', 'refuse'],
  strictest: ['refuse', 'accept'],
} as const

const keys = new WeakMap<Policy, string>()

/** What it says of scores and symbols, whoever the sender is. */
function keyOf(policy: Policy): string {
  let key = keys.get(policy)
  if (key === undefined) {
    const { scorers = {}, rejectSymbols, tagSymbols, acceptSymbols } = policy
    const others = Object.keys(scorers)
      .toSorted()
      .map((name) => [name, thresholdsOf(scorers[name] ?? {})])
    const symbols = [rejectSymbols, tagSymbols, acceptSymbols].map((list) =>
      [...(list ?? [])].toSorted(),
    )
    key = JSON.stringify([thresholdsOf(policy), others, symbols, forcedKey(policy)])
    keys.set(policy, key)
  }
  return key
}

/** What it says of that which a judge forces. */
const forcedKey = ({ neverReject, noGreylisting, quarantineAt }: Policy): string =>
  [
    noGreylisting === true ? 'waits for no judge' : '',
    neverReject === true ? `takes all as ${quarantineAt === undefined ? 'tagged' : 'boxed'}` : '',
  ].join()

const thresholdsOf = ({ tagAt, quarantineAt, deferAt, rejectAt }: Thresholds): unknown[] =>
  [tagAt, quarantineAt, deferAt, rejectAt].map((at) => at ?? '-')
