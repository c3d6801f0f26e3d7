/**
 * A strict reader of OpenMetrics 1.0.0: what its ABNF and its rules for names, units and order want
 * of the metrics that we have.
 */

export interface Sample {
  readonly name: string
  readonly labels: ReadonlyMap<string, string>
  readonly value: number
}

export interface OpenFamily {
  readonly name: string
  readonly type: string
  readonly help: string
  readonly samples: readonly Sample[]
}

const suffixes: Readonly<Record<string, readonly string[]>> = {
  counter: ['_total', '_created'],
  gauge: [''],
  histogram: ['_bucket', '_sum', '_count', '_created'],
  summary: ['', '_sum', '_count', '_created'],
}
const metadata = /^# (HELP|TYPE|UNIT) ([a-zA-Z_:][a-zA-Z0-9_:]*) ((?:[^\\"]|\\[\\"n])*)$/
const sample = /^([a-zA-Z_:][a-zA-Z0-9_:]*)(?:\{(.*)\})? (\S+)$/
const label = /([a-zA-Z_][a-zA-Z0-9_]*)="((?:[^\\"]|\\[\\"n])*)"(,|$)/y

function labelsOf(text: string): ReadonlyMap<string, string> {
  const labels = new Map<string, string>()
  label.lastIndex = 0
  while (label.lastIndex < text.length) {
    const at = label.lastIndex
    const [, name, value] = label.exec(text) ?? []
    if (name === undefined || value === undefined || labels.has(name))
      throw new Error(`no labels: ${text.slice(at)}`)
    labels.set(name, value)
  }
  return labels
}

function numberOf(text: string): number {
  if (text === '+Inf') return Infinity
  if (text === '-Inf') return -Infinity
  if (!/^(?:NaN|[-+]?\d+(?:\.\d+)?(?:e[-+]?\d+)?)$/.test(text))
    throw new Error(`no number: ${text}`)
  return Number(text)
}

/** Throws at what is not allowed. */
export function readOpenMetrics(text: string): readonly OpenFamily[] {
  if (!text.endsWith('\n# EOF\n')) throw new Error('it has to end with # EOF')
  const families: { name: string; type: string; help: string; samples: Sample[] }[] = []
  const seen = new Set<string>()
  for (const line of text.slice(0, -'# EOF\n'.length).split('\n').slice(0, -1)) {
    let family = families.at(-1)
    const [, what, name = '', said = ''] = metadata.exec(line) ?? []
    if (what !== undefined) {
      if (family?.name !== name) {
        if (families.some((one) => one.name === name)) throw new Error(`${name} is there twice`)
        family = { name, type: '', help: '', samples: [] }
        families.push(family)
      }
      if (family.samples.length > 0) throw new Error(`${what} of ${name} behind its samples`)
      if (what === 'TYPE') family.type = said
      if (what === 'HELP') family.help = said
      continue
    }
    const [, full = '', labels = '', value = ''] = sample.exec(line) ?? []
    if (full === '') throw new Error(`what is this: ${line}`)
    if (family === undefined) throw new Error(`a sample of no family: ${line}`)
    const allowed = suffixes[family.type] ?? []
    const of = family.name
    if (!allowed.some((suffix) => full === of + suffix))
      throw new Error(`no sample of the ${family.type} ${of}: ${line}`)
    const series = line.slice(0, -value.length)
    if (seen.has(series)) throw new Error(`twice: ${series}`)
    seen.add(series)
    const number = numberOf(value)
    if (family.type === 'counter' && !(number >= 0)) throw new Error(`a counter below 0: ${line}`)
    family.samples.push({ name: full, labels: labelsOf(labels), value: number })
  }
  for (const family of families) if (family.type === 'histogram') checkHistogram(family)
  return families
}

/** Buckets in order, each with those below it, the last one with all. */
function checkHistogram({ name, samples }: OpenFamily): void {
  const groups = Map.groupBy(samples, ({ labels }) =>
    JSON.stringify([...labels].filter(([one]) => one !== 'le')),
  )
  for (const [of, parts] of groups) {
    const buckets = parts.filter((part) => part.name === `${name}_bucket`)
    const bounds = buckets.map(({ labels }) => numberOf(labels.get('le') ?? ''))
    if (bounds.at(-1) !== Infinity) throw new Error(`${name} ${of} has no +Inf`)
    if (bounds.some((bound, i) => i > 0 && bound <= (bounds[i - 1] ?? Infinity)))
      throw new Error(`${name} ${of}: bounds out of order`)
    if (buckets.some(({ value }, i) => i > 0 && value < (buckets[i - 1]?.value ?? 0)))
      throw new Error(`${name} ${of}: a bucket with less than the one before`)
    const count = parts.find((part) => part.name === `${name}_count`)
    if (count?.value !== buckets.at(-1)?.value) throw new Error(`${name} ${of}: count is not +Inf`)
  }
}
