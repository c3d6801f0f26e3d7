/** What each recipient of a past message would have been told, by the product's own rules. Pure. */
import { known } from '../known.ts'
import type { Score } from '../maillog/sighting.ts'
import type { ServedAs } from '../session/oracle.ts'
import { wouldBe } from '../session/would-be.ts'
import type { Path } from '../smtp/path.ts'
import { isVouched } from '../strategy/auto.ts'
import type { Finding, Findings } from '../verdict/judgement.ts'
import type { Policy } from '../verdict/policy.ts'
import { vouchedBySymbols } from '../verdict/vouched-symbols.ts'

/** A scorer of the configuration. */
export type Scorer = 'rspamd' | 'spamd' | 'headers'

export interface Recipient {
  readonly path: Path
  readonly policy: Policy
}

/** A message with all that a decision about it goes by. */
export interface Question {
  readonly at: number
  readonly sender: Path
  readonly recipients: readonly Recipient[]
  readonly sizeBytes: number
  readonly findings: Findings
  readonly servedAs: ServedAs
}

export interface Decided {
  readonly recipients: readonly {
    readonly group: number
    readonly verdict: string
    readonly at: 'RCPT' | 'text'
  }[]
  readonly divided: boolean
  /** Somebody's symbols say that SPF or DKIM has passed: it teaches something of its sender. */
  readonly vouched: boolean
  /** The refusals can be reported to its sender. */
  readonly reportable: boolean
}

/**
 * `scorer`: whose score the thresholds of policies are about, as the configuration has it; absent
 * or not among those here: the first that gives one.
 */
export function findingsOf(scores: readonly Score[], scorer: Scorer | undefined): Findings {
  const weighing =
    scores.find(({ scanner }) => scanner === scorer || scanner === 'any') ??
    scores.find(({ score }) => score !== undefined)
  return {
    all: scores.map((one): Finding => ({
      judge: one.scanner,
      judgement: {
        kind: 'judged',
        symbols: one.symbols,
        ...known({ score: one.score }),
        ...(one.forced !== undefined && { opinion: { verdict: one.forced } }),
      },
      onFailure: 'accept',
      weighs: one === weighing,
    })),
    revision: [],
  }
}

const taken = { code: 250, lines: ['Ok'] } as const

export function decide({ recipients, sender, sizeBytes, findings, servedAs }: Question): Decided {
  const told = wouldBe(
    {
      id: '',
      peer: servedAs.peer,
      sender: sender.address,
      sizeBytes,
      declaredBytes: sizeBytes,
      // The costs are played (play.ts).
      splittable: false,
      recipients: recipients.map(({ path: { address } }, index) => ({
        index,
        address,
        key: address,
        told: taken,
      })),
    },
    { findings, policies: recipients.map(({ policy }) => ({ kind: 'found', policy })) },
  )
  const symbols = told.symbols ?? []
  return {
    recipients: told.recipients.map(({ group = 0, verdict, at }) => ({ group, verdict, at })),
    divided: told.divided,
    vouched: isVouched(symbols),
    reportable: sender.mailbox !== '' && vouchedBySymbols(symbols) !== undefined,
  }
}
