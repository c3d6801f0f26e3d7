/**
 * The text of /metrics, in the format that the reader wants: that of Prometheus, or OpenMetrics
 * 1.0.0. Of this process, or of it and others together: counters and histograms are added, gauges
 * as their `aggregator` says.
 *
 * Most series are as they were at the last reading, or were never counted: their lines are kept, so
 * that a thousand peer classes cost little where ten of them have mail.
 */
import type { Entry, Family, Labels, MetricJson, Value } from './family.ts'
import { type MetricDescription, metricDescriptions, metricPrefix } from './metrics.ts'

export type Format = 'prometheus' | 'openmetrics'

export const contentTypes: Readonly<Record<Format, string>> = {
  prometheus: 'text/plain; version=0.0.4; charset=utf-8',
  openmetrics: 'application/openmetrics-text; version=1.0.0; charset=utf-8',
}

/** What an Accept field asks for: OpenMetrics only where it is not liked less (RFC 9110 12.5.1). */
export function formatFor(accept: string | undefined): Format {
  const ranges = (accept ?? '').split(',').map((range) => {
    const [type = '', ...parameters] = range.split(';').map((part) => part.trim().toLowerCase())
    const quality = parameters.find((parameter) => parameter.startsWith('q='))
    const q = quality === undefined ? 1 : Number(quality.slice(2))
    return { type, q: Number.isFinite(q) ? q : 0 }
  })
  const liked = (wanted: string): number =>
    Math.max(0, ...ranges.filter(({ type }) => type === wanted).map(({ q }) => q))
  const open = liked('application/openmetrics-text')
  return open > 0 && open >= liked('text/plain') ? 'openmetrics' : 'prometheus'
}

/** `others`: what each other process has sent. */
export function exposition(
  own: readonly Family[],
  others: readonly (readonly MetricJson[])[],
  format: Format,
): string {
  const sent = Map.groupBy(others.flat(), ({ name }) => name)
  const ours = own.map((family) => textOf(family, sent.get(family.name) ?? [], format))
  const names = new Set(own.map(({ name }) => name))
  const theirs = [...sent].map(([name, [first, ...more]]) =>
    first === undefined || names.has(name)
      ? ''
      : textOf({ ...first, of: first, entries: [], bounds: [] }, [first, ...more], format),
  )
  return [...ours, ...theirs, format === 'openmetrics' ? '# EOF\n' : ''].join('')
}

function textOf(family: Family, others: readonly MetricJson[], format: Format): string {
  // What Node.js tells of a process and says nothing for several.
  if (others.length > 0 && !(family.aggregator in together)) return ''
  const { name } = family
  const elsewhere = Map.groupBy(
    others.flatMap(({ values }) => values),
    ({ labels }) => labelsText(name, labels),
  )
  const own = runsOf(family).map((run) => linesOfRun(family, run, elsewhere))
  const theirs = [...elsewhere.values()].map((values) => linesTogether(family, values))
  return [heading(family, format), ...own, ...theirs].join('')
}

/** Some series in a row. */
interface Run {
  readonly entries: readonly Entry[]
  /** Of each, when it was written. */
  readonly amounts: readonly number[]
  readonly labels: readonly string[]
  readonly lines: string
}

const runLength = 128
const runs = new WeakMap<object, readonly Run[]>()

/** Those that are as they were keep their lines. */
function runsOf(family: Family): readonly Run[] {
  const { of, entries } = family
  const before = runs.get(of) ?? []
  const now: Run[] = []
  for (let at = 0; at < entries.length; at += runLength) {
    const run = before[now.length]
    const length = Math.min(runLength, entries.length - at)
    const same = run?.entries.length === length && isAsBefore(run, entries, at)
    now.push(same ? run : newRun(family, entries.slice(at, at + length)))
  }
  runs.set(of, now)
  return now
}

function isAsBefore({ entries, amounts }: Run, all: readonly Entry[], at: number): boolean {
  for (let i = 0; i < entries.length; i++) {
    const entry = all[at + i]
    if (entry === undefined || entry !== entries[i] || amountOf(entry) !== amounts[i]) return false
  }
  return true
}

const newRun = (family: Family, entries: readonly Entry[]): Run => ({
  entries,
  amounts: entries.map(amountOf),
  labels: entries.map(({ labels }) => labelsText(family.name, labels)),
  lines: entries.map((entry) => linesOf(family, entry)).join(''),
})

/** Nothing was counted while it stays the same. */
const amountOf = (entry: Entry): number =>
  entry.bucketValues === undefined ? entry.value : entry.count

/** What others have of these is taken from `elsewhere`. */
function linesOfRun(
  family: Family,
  { entries, labels, lines }: Run,
  elsewhere: Map<string, readonly Value[]>,
): string {
  if (elsewhere.size === 0 || !labels.some((text) => elsewhere.has(text))) return lines
  const each = entries.map((entry, i) => {
    const text = labels[i] ?? ''
    const more = elsewhere.get(text)
    elsewhere.delete(text)
    return more === undefined
      ? linesOf(family, entry)
      : linesTogether(family, [...valuesOf(family, entry), ...more])
  })
  return each.join('')
}

function heading({ name, help, type }: Omit<MetricJson, 'values'>, format: Format): string {
  const open = format === 'openmetrics'
  // A counter's family is called without what its samples have at the end.
  const family = open && type === 'counter' ? name.replace(/_total$/, '') : name
  const said = open ? escaped(help) : help.replace(/[\\\n]/g, escapeOf)
  return `# HELP ${family} ${said}\n# TYPE ${family} ${type}\n`
}

interface Kept {
  readonly amount: number
  readonly lines: string
}
const kept = new WeakMap<Entry, Kept>()

/** As they were, when nothing was counted since. */
function linesOf(family: Family, entry: Entry): string {
  const amount = amountOf(entry)
  const before = kept.get(entry)
  if (before?.amount === amount) return before.lines
  let lines = ''
  for (const one of valuesOf(family, entry)) lines += lineOf(seriesOf(family.name, one), one.value)
  kept.set(entry, { amount, lines })
  return lines
}

function valuesOf({ name, bounds }: Family, entry: Entry): readonly Value[] {
  if (entry.bucketValues === undefined) return [entry]
  const { labels, bucketValues, sum, count } = entry
  const metricName = `${name}_bucket`
  let below = 0
  const buckets = bounds.map((le) => {
    below += bucketValues[le] ?? 0
    return { metricName, labels: { ...labels, le }, value: below }
  })
  return [
    ...buckets,
    { metricName, labels: { ...labels, le: '+Inf' }, value: count },
    { metricName: `${name}_sum`, labels, value: sum },
    { metricName: `${name}_count`, labels, value: count },
  ]
}

type Together = (one: number, other: number) => number
const together: Readonly<Record<string, Together>> = {
  sum: (one, other) => one + other,
  min: Math.min,
  max: Math.max,
  first: (one) => one,
}

function linesTogether({ name, aggregator }: Family, values: readonly Value[]): string {
  const add = together[aggregator] ?? Math.max
  const series = new Map<string, number>()
  for (const one of values) {
    const text = seriesOf(name, one)
    const before = series.get(text)
    series.set(text, before === undefined ? one.value : add(before, one.value))
  }
  let lines = ''
  for (const [text, value] of series) lines += lineOf(text, value)
  return lines
}

const lineOf = (series: string, value: number): string => `${series} ${numberOf(value)}\n`

const numberOf = (value: number): string => {
  if (Number.isFinite(value)) return String(value)
  return Number.isNaN(value) ? 'NaN' : value > 0 ? '+Inf' : '-Inf'
}

/** What stands before the value. */
function seriesOf(name: string, { metricName = name, labels }: Value): string {
  const text = labelsText(name, labels)
  const { le } = labels
  const all = le === undefined ? text : text === '' ? `le="${le}"` : `le="${le}",${text}`
  return all === '' ? metricName : `${metricName}{${all}}`
}

const orders: ReadonlyMap<string, readonly string[]> = new Map(
  Object.values<MetricDescription>(metricDescriptions).map(({ name, labels }) => [
    metricPrefix + name,
    labels,
  ]),
)
const texts = new WeakMap<Labels, string>()

/**
 * `a="x",b="y"`, but for `le`, in the order of the description: a series has one text, whichever
 * process tells it.
 */
function labelsText(metric: string, labels: Labels): string {
  const known = texts.get(labels)
  if (known !== undefined) return known
  const text = (orders.get(metric) ?? Object.keys(labels).sort())
    .filter((name) => name !== 'le' && labels[name] !== undefined)
    .map((name) => `${name}="${escaped(String(labels[name]))}"`)
    .join(',')
  texts.set(labels, text)
  return text
}

const escaped = (text: string): string => text.replace(/["\\\n]/g, escapeOf)
const escapeOf = (octet: string): string => (octet === '\n' ? '\\n' : `\\${octet}`)
