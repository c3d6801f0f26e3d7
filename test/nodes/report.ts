/** What came of a run, as text for a terminal. */
import { faults, type Finding } from '../chaos/count.ts'
import type { Figures, Look } from './figures.ts'
import type { Outcome } from './run.ts'

export function reportOf({ figures, findings, digest }: Outcome): string {
  return [
    ...rows([
      ['messages', String(figures.messages)],
      ['attempts of their senders', String(figures.attempts)],
      ['  to a front-end that was gone', String(figures.refusedConnections)],
      ['virtual time until all were answered', inTime(figures.lastedMs)],
      ['troubles', counts(figures.troubles)],
      ['recipients who had it within 10 s', withinShare(figures.waits)],
      ['  the others', quantiles(figures.waits.filter((ms) => ms > soonMs))],
      ['splits', counts(figures.splits)],
      ['let through unsplit', counts(figures.unsplit)],
      ...[...figures.strategies].flatMap(([strategy, of]): Row[] => [
        [`strategy ${strategy}: transactions`, String(of.transactions)],
        ['  forced retries', String(of.forcedRetries)],
        ['  delay of who came again', quantiles(of.delays)],
      ]),
      ['questions to the ledger a message', perMessage(figures)],
      ['  of 100 messages not asked at all', quietShare(figures)],
      ['  an answer took, ms', figures.answerMs.toFixed(2)],
      ['first splits of a sender a message', perMessageOf(figures, figures.openings)],
      ['open splits, at most', openAtMost(figures.looks)],
      ['  after each tenth of the time', openOverTime(figures.looks)],
      ['transactions of a front-end', extremes(figures.nodes.map((node) => node.transactions))],
      ['senders learned', String(figures.learned)],
      ['events', String(figures.steps)],
      ['digest', digest],
    ]),
    '',
    ...rows([
      ['fault', 'explained', 'not explained'],
      ...faults.map((fault) => ofFault(fault, findings)),
    ]),
    ...reasons(findings),
  ].join('\n')
}

const soonMs = 10_000

type Row = readonly string[]

function rows(all: readonly Row[]): string[] {
  const widths = (all[0] ?? []).map((_, i) => Math.max(...all.map((row) => row[i]?.length ?? 0)))
  return all.map((row) =>
    row
      .map((cell, i) => cell.padEnd(widths[i] ?? 0))
      .join('  ')
      .trimEnd(),
  )
}

function ofFault(fault: Finding['fault'], findings: readonly Finding[]): Row {
  const those = findings.filter((finding) => finding.fault === fault)
  const explained = those.filter(({ because }) => because !== undefined)
  return [fault, String(explained.length), String(those.length - explained.length)]
}

function reasons(findings: readonly Finding[]): string[] {
  const all = new Map<string, number>()
  for (const { fault, because } of findings) {
    const reason = `${fault}: ${because ?? 'NOT EXPLAINED'}`
    all.set(reason, (all.get(reason) ?? 0) + 1)
  }
  return [...all].toSorted().map(([reason, count]) => `  ${count} ${reason}`)
}

const counts = (of: ReadonlyMap<string, number>): string =>
  [...of]
    .toSorted()
    .map(([name, count]) => `${count} ${name}`)
    .join(', ') || '0'

function perMessage({ questions, messages }: Figures): string {
  const { openOf, recall, find, save } = questions
  const each = (count: number): string => (count / messages).toFixed(3)
  return `${each(openOf + recall + find)} questions, ${each(save)} saves`
}

const perMessageOf = ({ messages }: Figures, count: number): string => (count / messages).toFixed(4)

function withinShare(waits: readonly number[]): string {
  const soon = waits.filter((ms) => ms <= soonMs).length
  return `${((100 * soon) / Math.max(1, waits.length)).toFixed(2)} % of ${waits.length}`
}

function quietShare({ questions: { quiet, openOf } }: Figures): string {
  return ((100 * quiet) / Math.max(1, quiet + openOf)).toFixed(1)
}

function openAtMost(looks: readonly Look[]): string {
  const most = looks.reduce<Look | undefined>(
    (top, look) => (top === undefined || look.open > top.open ? look : top),
    undefined,
  )
  if (most === undefined || most.open === 0) return '0'
  return `${most.open}, ${Math.round(most.bytes / most.open)} bytes each`
}

function openOverTime(looks: readonly Look[]): string {
  const end = looks.at(-1)?.at ?? 0
  const tenths = Array.from({ length: 10 }, (_, i) => ((i + 1) * end) / 10)
  return tenths.map((at) => looks.findLast((look) => look.at <= at)?.open ?? 0).join(' ')
}

const extremes = (values: readonly number[]): string =>
  `${Math.min(...values)} to ${Math.max(...values)}`

function quantiles(ms: readonly number[]): string {
  const sorted = ms.toSorted((a, b) => a - b)
  const at = (share: number): string =>
    inTime(sorted[Math.min(sorted.length - 1, Math.floor(share * sorted.length))] ?? 0)
  return sorted.length === 0 ? 'nobody' : `half within ${at(0.5)}, 95 % within ${at(0.95)}`
}

function inTime(ms: number): string {
  const seconds = Math.round(ms / 1000)
  if (seconds < 120) return `${seconds} s`
  const minutes = Math.round(seconds / 60)
  return minutes < 180 ? `${minutes} min` : `${(minutes / 60).toFixed(1)} h`
}
