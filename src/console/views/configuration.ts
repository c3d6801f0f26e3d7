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
  { key: 'key', title: 'Key', value: ({ key }) => key, cell: ({ key }) => outside(key) },
  {
    key: 'value',
    title: 'Value',
    value: ({ value }) => value,
    cell: ({ value }) => outside(value),
  },
  { key: 'from', title: 'From', value: ({ from }) => from, cell: ({ from }) => outside(from) },
]

const isDefault = ({ from }: Value): boolean => from === 'default'

export const configurationView: View = (root, { sources, go, signal }) => {
  let place: Place | undefined
  const notice = new Notice()
  const state = el('div')
  const filter = filterField('Filter keys and values', (q) => go({ q }))
  const table = new Table<Value>({
    ...{ label: 'Values in force', columns },
    keyOf: ({ key }) => key,
    searched: ({ key, value, from }) => [key, value, from],
    onSort: (sort) => go({ sort }),
  })
  const changed = el('input', {
    type: 'checkbox',
    onchange: () => go({ changed: changed.checked ? 'yes' : '' }),
  })
  const onlyChanged = el('label', { class: 'check' }, changed, ' only what is not the default')
  root.append(bar('Configuration', onlyChanged, filter), notice.element, state, table.element)
  const draw = (): void => {
    const told = sources.configuration.state
    table.element.hidden = !notice.of(told)
    if (told.value === undefined || place === undefined) return
    put(state, stateOf(told.value))
    const all = told.value.values
    table.show({
      rows: changed.checked ? all.filter((one) => !isDefault(one)) : all,
      sort: place.state.get('sort'),
      filter: place.state.get('q'),
      empty: 'Every key has its default.',
    })
  }
  sources.configuration.watch(draw, signal)
  return (next) => {
    place = next
    setField(filter, next.state.get('q'))
    changed.checked = next.state.get('changed') === 'yes'
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
        : ['After a restart only', outside(needRestart.join(', '))],
    ]),
  ]
}
