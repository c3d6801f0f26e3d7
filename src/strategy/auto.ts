/**
 * `auto`: how a sender is served by what was learned of it. A pure rule, with its table in
 * docs/strategies.md: `late`, which costs only where verdicts differ, and `lenient` for who was
 * seen not to survive a deferral.
 */
import type { StrategyName } from './names.ts'

/** What is counted of a sender. A message counts once in each that fits. */
export const lessonNames = [
  /** Messages whose text was seen. */
  'messages',
  /** Attempts in which someone was told to come back only to split. */
  'deferred',
  /** Attempts that went on with a split. */
  'returned',
  /** Of these: in the connection of the deferral. */
  'sameConnection',
  /** Of these: at another of our addresses than that of the deferral. */
  'elsewhere',
  /**
   * Attempts that ended at RCPT, before the text, once a recipient was deferred though others had
   * gone through.
   */
  'cutOff',
  /**
   * Messages that some have, and others were not offered again for within `ledger.missing_after`.
   */
  'missing',
  /** The same, where nobody has the message. */
  'failed',
  /** Returns by their delay, up to: a minute, 5, 15, an hour, 4 hours, more. */
  'within1m',
  'within5m',
  'within15m',
  'within1h',
  'within4h',
  'later',
] as const
export type LessonName = (typeof lessonNames)[number]
export type Observations = Readonly<Partial<Record<LessonName, number>>>

const delays: readonly (readonly [LessonName, number])[] = [
  ['within1m', 60_000],
  ['within5m', 300_000],
  ['within15m', 900_000],
  ['within1h', 3_600_000],
  ['within4h', 14_400_000],
]

/** The counter of a return after `ms`. */
export const delayLesson = (ms: number): LessonName =>
  delays.find(([, limit]) => ms <= limit)?.[0] ?? 'later'

/**
 * From how long to how long after a deferral a sender was seen to come back, ms; undefined for one
 * that never was.
 */
export function comesBackWithin(
  lessons: Observations,
): { readonly fromMs: number; readonly toMs: number } | undefined {
  const seen = [...delays, ['later', Infinity] as const].map(([name]) => (lessons[name] ?? 0) > 0)
  const [first, last] = [seen.indexOf(true), seen.lastIndexOf(true)]
  return first === -1
    ? undefined
    : { fromMs: delays[first - 1]?.[1] ?? 0, toMs: delays[last]?.[1] ?? Infinity }
}

export interface Learned {
  readonly lessons: Observations
  /** Set by hand: stands above everything learned. */
  readonly pinned?: StrategyName
}

export interface AutoChoice {
  readonly strategy: StrategyName
  /** For people: in the log, `rcptwise peers learned` and the admin API. */
  readonly why: string
}

/**
 * Breaking off can be a network's fault: this often, and this part of the attempts with a deferral,
 * is a habit.
 */
const habitAttempts = 2
const habitShare = 0.2

/**
 * Which strategy is in force. `vouched`: SPF or DKIM has passed for this message; undefined while
 * nobody can know yet. A loss counts for ever: one message that never came back is worse than many
 * that are tagged.
 */
export function chooseStrategy(learned: Learned | undefined, vouched?: boolean): AutoChoice {
  if (vouched === false) return { strategy: 'late', why: 'neither SPF nor DKIM vouches for it' }
  if (learned === undefined) return { strategy: 'late', why: 'nothing is known of it' }
  if (learned.pinned !== undefined) return { strategy: learned.pinned, why: 'pinned' }
  const count = (name: LessonName): number => learned.lessons[name] ?? 0
  const lost = count('missing') + count('failed')
  const deferred = count('deferred')
  if (lost > 0)
    return { strategy: 'lenient', why: `did not come back for ${lost} of ${messages(deferred)}` }
  const cutOff = count('cutOff')
  if (cutOff >= habitAttempts && cutOff >= deferred * habitShare)
    return {
      strategy: 'lenient',
      why: `broke off at a deferred recipient in ${cutOff} of ${messages(deferred)}`,
    }
  if (deferred === 0) return { strategy: 'late', why: 'nothing of it was deferred yet' }
  return {
    strategy: 'late',
    why: `came back ${count('returned')} times after ${messages(deferred)}`,
  }
}

const messages = (deferred: number): string => `${deferred} attempts with a deferral`

/** Symbols of a judge that say SPF or DKIM has passed (rspamd, SpamAssassin). */
const vouching: ReadonlySet<string> = new Set([
  ...[
    'R_SPF_ALLOW',
    'R_DKIM_ALLOW',
    'SPF_PASS',
    'DKIM_VALID_AU',
    'DKIM_VALID_EF',
    'DMARC_POLICY_ALLOW',
    'DMARC_PASS',
  ],
])

/**
 * Whose message nobody vouches for teaches nothing. Whose signature it is does not matter: what is
 * learned belongs to the host.
 */
export const isVouched = (symbols: readonly string[]): boolean =>
  symbols.some((symbol) => vouching.has(symbol))
