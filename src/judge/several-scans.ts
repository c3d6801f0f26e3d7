/** One judgement of several scans of the same text, each for some of its recipients. Pure. */
import type { Judgement, Said } from '../verdict/judgement.ts'
import type { JudgedRecipient } from './judge.ts'

export interface ScanOf {
  readonly members: readonly JudgedRecipient[]
  readonly symbols: readonly string[]
  readonly said: Said
}

/** What the first scan says is told of all; of whom another one was made, that one counts. */
export function judgementOf(scans: readonly ScanOf[]): Judgement {
  const [first] = scans
  if (first === undefined) return { kind: 'silent' }
  const judged = { kind: 'judged', symbols: first.symbols, ...first.said } as const
  if (scans.length === 1) return judged
  const own = scans.flatMap(({ members, symbols, said }) => {
    // One object for all members: it says the same of them.
    const its = { ...said, symbols }
    return members.map(({ index }): readonly [number, Said] => [index, its])
  })
  return { kind: 'judged', symbols: first.symbols, own: new Map(own) }
}
