/** Which source each value of a recipient's policy comes from, for whoever wants to know. Pure. */
import type { Policy } from '../verdict/policy.ts'
import type { Answer, PolicyColumn, PolicyValues, RawPolicy } from './policy-source.ts'

export interface Told {
  /** The source's name. */
  readonly source: string
  readonly answer: Answer<RawPolicy>
}

export interface Origins {
  /** The source of each value; what is not among them is of the source `others`. */
  readonly of: ReadonlyMap<PolicyColumn, string>
  /** A source that has named a policy; absent: the default policy. */
  readonly others?: string
}

/** In the order in which sources are asked; those behind the answer may be among them. */
export function originsOf(told: readonly Told[]): Origins {
  const of = new Map<PolicyColumn, string>()
  let open: readonly PolicyColumn[] | undefined
  for (const { source, answer } of told) {
    if (answer.kind === 'unknown') continue
    if (answer.kind === 'failed' || answer.kind === 'wrong') break
    const { said, named } = layersOf(answer)
    for (const column of said)
      if (!of.has(column) && open?.includes(column) !== false) of.set(column, source)
    if (named && open === undefined) return { of, others: source }
    if (named) for (const column of open ?? []) if (!of.has(column)) of.set(column, source)
    const left = answer.kind === 'values' ? (answer.open ?? []) : []
    open = left.filter((column) => open?.includes(column) !== false)
    if (open.length === 0) break
  }
  return { of }
}

/** What it says in all its layers, and whether a policy's name is behind them. */
function layersOf(answer: RawPolicy): { said: readonly PolicyColumn[]; named: boolean } {
  if (answer.kind !== 'values') return { said: [], named: answer.kind === 'named' }
  const { behind } = answer
  const { said, named } = behind === undefined ? { said: [], named: false } : layersOf(behind)
  return { said: [...placesIn(answer).map(([place]) => place), ...said], named }
}

const besides: ReadonlySet<string> = new Set([
  'name',
  'kind',
  'behind',
  'open',
  'scorers',
  'several',
])

/** The values of a policy, or of what is said of one, each with its place in it. */
export const placesIn = ({
  scorers = {},
  ...values
}: Partial<Policy> | PolicyValues): readonly (readonly [PolicyColumn, unknown])[] => [
  ...(Object.entries(values) as [PolicyColumn, unknown][]).filter(([field]) => !besides.has(field)),
  ...Object.entries(scorers).flatMap(([judge, own]) =>
    Object.entries(own).map(([field, value]): [PolicyColumn, unknown] => [
      `${judge}.${field}` as PolicyColumn,
      value,
    ]),
  ),
]
