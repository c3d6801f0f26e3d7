/** Who has changed what by this front-end, from what to what, and why. */
import type { AuditEntryJson } from '../../admin/schemas.ts'
import { el, outside } from '../dom.ts'
import { bar, filterField, Notice, setField } from '../parts.ts'
import { hashOf, type Place } from '../place.ts'
import { type Column, Table } from '../table.ts'
import type { View } from '../view.ts'
import { clock } from '../words.ts'

/** The events of the log, in words. */
const changes: Readonly<Record<string, string>> = {
  strategyChanged: 'Strategy of a class',
  senderChanged: 'Sender',
  splitForgiven: 'Split forgiven',
  drainChanged: 'Draining',
}

const changeOf = ({ change }: AuditEntryJson): string => changes[change] ?? change

/** Where what was changed is shown. */
function placeOf({ change, of = '' }: AuditEntryJson): Place | undefined {
  switch (change) {
    case 'strategyChanged':
      return { view: 'senders', state: new Map([['peer', of]]) }
    case 'senderChanged':
      return { view: 'senders', state: new Map([['sender', of]]) }
    case 'splitForgiven':
      return { view: 'splits', state: new Map([['id', of]]) }
    default:
      return undefined
  }
}

const timeOf = (time: string): string => clock(Date.parse(time), Date.now())

const columns: readonly Column<AuditEntryJson>[] = [
  { key: 'at', title: 'When', down: true, value: ({ at }) => at, cell: ({ at }) => timeOf(at) },
  { key: 'by', title: 'Who', value: ({ by }) => by, cell: ({ by }) => outside(by) },
  { key: 'change', title: 'What', wide: true, value: changeOf },
  {
    ...{ key: 'of', title: 'Of' },
    value: ({ of = '' }) => of,
    cell: (entry) => {
      const place = placeOf(entry)
      const name = outside(entry.of ?? 'all')
      return place === undefined ? name : el('a', { href: hashOf(place) }, name)
    },
  },
  { key: 'from', title: 'From', wide: true, value: ({ from = '–' }) => from },
  { key: 'to', title: 'To', value: ({ to = '–' }) => to },
  {
    ...{ key: 'until', title: 'Until', wide: true },
    value: ({ until = '' }) => until,
    cell: ({ until }) => (until === undefined ? '–' : timeOf(until)),
  },
  {
    ...{ key: 'reason', title: 'Why' },
    value: ({ reason = '' }) => reason,
    cell: ({ reason }) => (reason === undefined ? '–' : outside(reason)),
  },
]

export const auditView: View = (root, { sources, go, signal }) => {
  let place: Place | undefined
  const notice = new Notice()
  const total = el('span', { class: 'count' })
  const filter = filterField('Filter by who, what, why', (q) => go({ q }))
  const table = new Table<AuditEntryJson>({
    ...{ label: 'Changes', columns, sort: '-at' },
    // Two changes in one millisecond are told apart by what they change.
    keyOf: ({ at, by, change, of = '', to = '' }) => [at, by, change, of, to].join(' '),
    searched: (entry) => [
      ...[entry.by, changeOf(entry), entry.change, entry.of],
      ...[entry.from, entry.to, entry.reason],
    ],
    onSort: (sort) => go({ sort }),
  })
  root.append(bar(['Changes ', total], filter), notice.element, table.element)
  const draw = (): void => {
    const told = sources.audit.state
    table.element.hidden = !notice.of(told)
    if (told.value === undefined || place === undefined) return
    const shown = table.show({
      rows: told.value.entries,
      sort: place.state.get('sort'),
      filter: place.state.get('q'),
      empty: 'Nobody has changed anything by this front-end.',
    })
    total.textContent = `${shown}${told.value.more ? '+' : ''}`
  }
  sources.audit.watch(draw, signal)
  return (next) => {
    place = next
    setField(filter, next.state.get('q'))
    draw()
  }
}
