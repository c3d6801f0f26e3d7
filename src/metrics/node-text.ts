/**
 * The text of what Node.js tells of one process or of several: counters and histograms are added,
 * gauges as their `aggregator` says.
 */
import { type Format, heading, labelsText, lineOf } from './text-lines.ts'
import type { MetricJson, Value } from './told.ts'

export function textOfNode(processes: readonly (readonly MetricJson[])[], format: Format): string {
  const metrics = Map.groupBy(processes.flat(), ({ name }) => name)
  return [...metrics.values()].map((all) => textOf(all, format)).join('')
}

function textOf(all: readonly MetricJson[], format: Format): string {
  const [first] = all
  // Some of it says nothing for several.
  if (first === undefined || (all.length > 1 && !(first.aggregator in together))) return ''
  const add = together[first.aggregator] ?? Math.max
  const series = new Map<string, { readonly one: Value; value: number }>()
  for (const one of all.flatMap(({ values }) => values)) {
    const key = `${one.metricName ?? first.name}{${textOfLabels(one)}}`
    const before = series.get(key)
    if (before === undefined) series.set(key, { one, value: one.value })
    else before.value = add(before.value, one.value)
  }
  const lines = Array.from(series.values(), ({ one, value }) =>
    lineOf(one.metricName ?? first.name, textOfLabels(one), value),
  )
  return heading(first, format) + lines.join('')
}

function textOfLabels({ labels }: Value): string {
  const names = Object.keys(labels).sort()
  return labelsText(
    names,
    names.map((name) => String(labels[name])),
  )
}

type Together = (one: number, other: number) => number
const together: Readonly<Record<string, Together>> = {
  sum: (one, other) => one + other,
  min: Math.min,
  max: Math.max,
  first: (one) => one,
}
