/**
 * Where recipients' policies come from: a file, later a database or a directory. A source says what
 * stands in it; what that means is worked out in one place for all of them (resolved.ts), and so is
 * how long one waits (in-time.ts), what is kept (cached.ts) and what a failure amounts to
 * (default-policy.ts).
 */
import type { Policy } from '../verdict/policy.ts'

/** A policy that the configuration has, by its name. */
export interface NamedPolicy {
  readonly kind: 'named'
  readonly name: string
}

/**
 * The policy itself. What a source says nothing of is as in the default policy: a column that is
 * NULL is no `never`.
 */
export interface PolicyValues extends SaidThresholds {
  readonly kind: 'values'
  /** What they stand over in place of the default policy: a more general entry, or a name. */
  readonly behind?: RawPolicy
  /** The source has a place for these and nothing stands there: the sources behind it are asked. */
  readonly open?: readonly PolicyColumn[]
  /** About the scores of judges with these names. */
  readonly scorers?: Readonly<Partial<Record<ScorerName, SaidThresholds>>>
  readonly neverDefer?: boolean
  readonly neverReject?: boolean
  readonly noGreylisting?: boolean
  readonly rejectSymbols?: readonly string[]
  readonly tagSymbols?: readonly string[]
  readonly acceptSymbols?: readonly string[]
  readonly acceptSenders?: readonly string[]
  readonly refuseSenders?: readonly string[]
  readonly knownSendersOnly?: boolean
  readonly maxSizeBytes?: number | 'never'
  readonly rejectText?: string
  readonly group?: 'own' | 'shared'
}

export interface SaidThresholds {
  readonly tagAt?: number | 'never'
  readonly quarantineAt?: number | 'never'
  readonly deferAt?: number | 'never'
  readonly rejectAt?: number | 'never'
}

/** One value of a policy; each threshold of a judge is one of its own. */
export type PolicyColumn =
  | Exclude<keyof PolicyValues, 'kind' | 'behind' | 'open' | 'scorers'>
  | `${ScorerName}.${keyof SaidThresholds}`

/** What stands in the source means no policy: the recipient has the default one. */
export interface WrongPolicy {
  readonly kind: 'wrong'
  readonly why: string
}

/** What a source may say of a recipient whom it knows. */
export type RawPolicy = NamedPolicy | PolicyValues | WrongPolicy

/** Judges that give scores. */
export type ScorerName = 'rspamd' | 'spamd' | 'headers'

export interface FoundPolicy {
  readonly kind: 'found'
  readonly policy: Policy
  /** These are as in the default policy, unless a source behind this one says otherwise. */
  readonly open?: readonly PolicyColumn[]
}

export interface Unknown {
  readonly kind: 'unknown'
}

/** The source's own trouble; what follows from it is the configuration's choice. */
export interface Failed {
  readonly kind: 'failed'
  /** The source's name. */
  readonly source: string
  readonly why: string
  /** What follows from it, where this source has a choice of its own. */
  readonly onFailure?: OnFailure
  /** What an earlier source has said; only what was left open there is not known. */
  readonly soFar?: Policy
}

/** `defer`: the recipient is answered 451. */
export type OnFailure = 'defer' | 'default'

export type Answer<Found> = Found | Unknown | Failed

/** At hand, or later. */
export type Answers<Found> = readonly Answer<Found>[] | Promise<readonly Answer<Found>[]>

/**
 * `policiesFor` is one question for all recipients that a client offers together, and has one
 * answer for each of them, in their order; an address may be among them twice. It never throws and
 * never rejects: a failure is an answer. What is at hand is given at once, without a promise,
 * because somebody waits for it at each RCPT. An address is as `Path.address` (smtp/path.ts) has
 * it: the local part as the client wrote it, the domain in its canonical spelling.
 *
 * `signal` is aborted once nobody waits for the answers any more (`timeouts.policy`, a client that
 * has gone): a source ends its question then, and what it still answers is not read.
 */
export interface Source<Found> {
  /** For the log and the metrics. */
  readonly name: string
  policiesFor(recipients: readonly string[], signal: AbortSignal): Answers<Found>
  /** Ends watches and connections. What is asked meanwhile is answered all the same. */
  close(): Promise<void>
}

/** As a file or a database has it. */
export type PolicySource = Source<RawPolicy>

/** With the policies themselves. */
export type ResolvedSource = Source<FoundPolicy>

/**
 * What a recipient's mail is dealt with by. `instead`: the policy that serves in place of the one
 * that could not be looked up (`recipients.on_failure`).
 */
export type PolicyAnswer = FoundPolicy | (Failed & { readonly instead?: Policy })

/** All sources together: everybody has an answer. */
export interface Policies {
  policiesFor(
    recipients: readonly string[],
    signal: AbortSignal,
  ): readonly PolicyAnswer[] | Promise<readonly PolicyAnswer[]>
}
