/** What happens with sources of policies. */
import type { OfTransaction } from './of-transaction.ts'

export type PolicyFact =
  | (OfTransaction & {
      readonly kind: 'policyFailed'
      readonly at: number
      readonly recipient: string
      /** The source's name, such as `file:/etc/rcptwise/recipients.yaml`. */
      readonly source: string
      readonly why: string
    })
  /** One question to a source of policies, for recipients who were offered together. */
  | {
      readonly kind: 'policiesAsked'
      readonly at: number
      readonly source: string
      readonly recipients: number
      readonly ms: number
    }
  /** Recipients whose answer of a source was still kept. */
  | {
      readonly kind: 'policiesRecalled'
      readonly at: number
      readonly source: string
      readonly recipients: number
      /** It was kept too long, and served because the source has failed. */
      readonly stale: boolean
    }
  /** What a source says of a recipient means no policy. */
  | {
      readonly kind: 'policyWrong'
      readonly at: number
      readonly source: string
      readonly recipient: string
      readonly why: string
    }
  /** The aliases of a recipient were not followed to their end. */
  | {
      readonly kind: 'aliasesWrong'
      readonly at: number
      readonly recipient: string
      readonly why: string
    }
  | {
      readonly kind: 'policiesLoaded'
      readonly at: number
      readonly file: string
      readonly entries: number
    }
  | {
      readonly kind: 'policiesKept'
      readonly at: number
      readonly file: string
      readonly why: string
    }
