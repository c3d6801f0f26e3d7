/** What happens with judges: one of the subjects of fact.ts. */
import type { OfTransaction } from './of-transaction.ts'

export type JudgeFact =
  | (OfTransaction & {
      readonly kind: 'judged'
      readonly at: number
      readonly judge: string
      /** `forced`: it has an opinion and no score. */
      readonly result: 'scored' | 'forced' | 'silent' | 'failed'
      readonly ms: number
      readonly why?: string
    })
  /** A judge was not told something, or wants a change in the text that can't be made. */
  | (OfTransaction & {
      readonly kind: 'judgeLeftOut'
      readonly at: number
      readonly judge: string
      readonly what: string
    })
  /** A stranger has sent header fields that only this site may write; they are not passed on. */
  | (OfTransaction & {
      readonly kind: 'foreignFieldsRemoved'
      readonly at: number
      /** Each once, as it is written; octets of a stranger. */
      readonly names: readonly string[]
    })
  /** It failed several times in a row, and is not asked for a while. */
  | {
      readonly kind: 'judgeServerDown'
      readonly at: number
      readonly judge: string
      readonly server: string
      readonly why: string
    }
  | {
      readonly kind: 'judgeServerBack'
      readonly at: number
      readonly judge: string
      readonly server: string
    }
