/** Which configuration is in force, since when, and what the last reload refused. */
import type { ConfigurationJson } from '../../admin/configuration-schema.ts'
import { el, outside, put } from '../dom.ts'
import { badge, bar, facts, filterField, Notice, setField } from '../parts.ts'
import type { Place } from '../place.ts'
import { type Column, Table } from '../table.ts'
import type { View } from '../view.ts'
import { clock, spell } from '../words.ts'

type Value = ConfigurationJson['values'][number]

const columns: readonly Column<Value>[] = [
  { key: 'key', title: 'Key', value: ({ key }) => key },
  {
    key: 'value',
    title: 'In force',
    value: ({ value }) => value,
    cell: ({ value }) => outside(value),
  },
]

export const configurationView: View = (root, { sources, go, signal }) => {
  let place: Place | undefined
  const notice = new Notice()
  const state = el('div')
  const filter = filterField('Filter keys and values', (q) => go({ q }))
  const table = new Table<Value>({
    ...{ label: 'Values in force', columns },
    keyOf: ({ key }) => key,
    searched: ({ key, value }) => [key, value],
    onSort: (sort) => go({ sort }),
  })
  root.append(bar('Configuration', filter), notice.element, state, table.element)
  const draw = (): void => {
    const told = sources.configuration.state
    table.element.hidden = !notice.of(told)
    if (told.value === undefined || place === undefined) return
    put(state, stateOf(told.value))
    table.show({
      rows: told.value.values,
      sort: place.state.get('sort'),
      filter: place.state.get('q'),
      empty: 'Nothing is told.',
    })
  }
  sources.configuration.watch(draw, signal)
  return (next) => {
    place = next
    setField(filter, next.state.get('q'))
    draw()
  }
}

function stateOf({ since, file, refused, needRestart }: ConfigurationJson): readonly HTMLElement[] {
  const now = Date.now()
  return [
    ...(refused === undefined
      ? []
      : [
          el(
            'div',
            { class: 'notice failed', role: 'alert' },
            `The reload at ${clock(refused.at, now)} was refused, and the configuration before it is in force:`,
            el(
              'ul',
              {},
              refused.why.map((why) => el('li', {}, outside(why))),
            ),
          ),
        ]),
    facts([
      ['In force since', `${clock(since, now)}, ${spell(now - since)} ago`],
      file === undefined ? undefined : ['File', outside(file)],
      [
        'Last reload',
        refused === undefined ? badge('nothing refused', 'good') : badge('refused', 'bad'),
      ],
      needRestart.length === 0
        ? undefined
        : ['Changed, needs a restart', outside(needRestart.join(', '))],
    ]),
  ]
}
