/** How long senders take to come back: a heat map over the hours, and percentiles. */
import type { RecentJson } from '../../admin/recent-schema.ts'
import { el, put } from '../dom.ts'
import { HeatMap } from '../heat-map.ts'
import { bar, Notice, setField } from '../parts.ts'
import type { Place } from '../place.ts'
import { type Column, Table } from '../table.ts'
import type { View } from '../view.ts'
import { count, plural, spell } from '../words.ts'
import { type DelayRow, percentile, rowsOf } from '../delay-sums.ts'

const shown = (seconds: number | undefined): string =>
  seconds === undefined ? '–' : seconds === Infinity ? 'more than a day' : spell(seconds * 1000)

const columnFor = (key: string, title: string, share: number): Column<DelayRow> => ({
  ...{ key, title, kind: 'number', down: true },
  help: `${share * 100} of 100 came back within this time`,
  value: (row) => percentile(row, share) ?? 0,
  cell: (row) => shown(percentile(row, share)),
})

const columns: readonly Column<DelayRow>[] = [
  { key: 'peer', title: 'Class', value: ({ peer }) => peer },
  { key: 'strategy', title: 'Strategy', value: ({ strategy }) => strategy },
  {
    ...{ key: 'returns', title: 'Returns', kind: 'number', down: true },
    value: ({ total }) => total,
    cell: ({ total }) => count(total),
  },
  columnFor('p50', 'Half within', 0.5),
  columnFor('p90', '90 % within', 0.9),
  columnFor('p99', '99 % within', 0.99),
]

const spans: readonly (readonly [string, string])[] = [
  ['60', 'last hour'],
  ['360', 'last 6 hours'],
  ['1440', 'last day'],
]

export const delaysView: View = (root, { sources, go, signal }) => {
  let place: Place | undefined
  const notice = new Notice()
  const far = el(
    'select',
    { 'aria-label': 'How far back', onchange: () => go({ span: far.value }) },
    spans.map(([value, words]) => el('option', { value }, words)),
  )
  const which = el('select', {
    'aria-label': 'Class and strategy',
    onchange: () => go({ of: which.value }),
  })
  const map = new HeatMap(signal)
  const words = el('p', { class: 'dim' })
  const table = new Table<DelayRow>({
    ...{ label: 'Retry delays by class and strategy', columns },
    keyOf: ({ peer, strategy }) => `${peer} ${strategy}`,
    searched: ({ peer, strategy }) => [peer, strategy],
    onSort: (sort) => go({ sort }),
    sort: '-returns',
  })
  root.append(
    bar('Retry delay', far, which),
    notice.element,
    map.element,
    words,
    bar('By class and strategy'),
    table.element,
  )
  const draw = (): void => {
    const told = sources.day.state
    const there = notice.of(told)
    map.element.hidden = !there
    table.element.hidden = !there
    if (place === undefined || told.value === undefined) return
    const span = spanIn(place)
    const minutes = told.value.minutes.slice(-span)
    const bounds = told.value.delayBounds
    const rows = rowsOf(minutes, bounds)
    offer(which, rows)
    const of = place.state.get('of') ?? ''
    setField(which, of)
    const chosen = rows.filter(({ peer, strategy }) => of === '' || of === `${peer} ${strategy}`)
    map.show({
      minutes,
      bounds,
      span,
      holds: (peer, strategy) => of === '' || of === `${peer} ${strategy}`,
    })
    words.textContent = wordsOf(chosen, told.value)
    table.show({
      rows: chosen,
      sort: place.state.get('sort'),
      empty: 'Nobody came back in this time: no message was deferred, or nobody has retried yet.',
    })
  }
  sources.day.watch(draw, signal)
  return (next) => {
    place = next
    setField(far, next.state.get('span') ?? '1440')
    draw()
  }
}

/** Anything may stand in an address. */
const spanIn = ({ state }: Place): number =>
  Number(spans.find(([value]) => value === state.get('span'))?.[0] ?? '1440')

function offer(select: HTMLSelectElement, rows: readonly DelayRow[]): void {
  const wanted = ['', ...rows.map(({ peer, strategy }) => `${peer} ${strategy}`)]
  if (wanted.join('\n') === [...select.options].map(({ value }) => value).join('\n')) return
  put(
    select,
    wanted.map((value) =>
      el('option', { value }, value === '' ? 'all classes and strategies' : value),
    ),
  )
}

function wordsOf(rows: readonly DelayRow[], { delayBounds }: RecentJson): string {
  const total = rows.reduce((sum, row) => sum + row.total, 0)
  if (total === 0) return ''
  const counts = [...delayBounds, Infinity].map((_, i) =>
    rows.reduce((sum, row) => sum + (row.counts[i] ?? 0), 0),
  )
  const all = { peer: '', strategy: '', counts, total, bounds: delayBounds }
  return `${plural(total, 'return')}: half of them within ${shown(percentile(all, 0.5))}, 9 of 10 within ${shown(percentile(all, 0.9))}.`
}
