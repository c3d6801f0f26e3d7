/** Choosing a strategy, for how long, and why: for a peer class and for a sender. */
import { problemOf } from '../api.ts'
import { type Child, el, put } from '../dom.ts'
import { field, sentenceOf } from '../parts.ts'
import { reasonField } from '../reason-field.ts'

export interface Chosen {
  readonly strategy: string
  /** As the API takes it; empty: until somebody changes it again. */
  readonly for: string
  readonly reason: string
}

export interface StrategyFormOptions {
  readonly names: readonly string[]
  readonly now: string
  /** What each would do to whom. */
  readonly meanings: Readonly<Record<string, string>>
  /** Which of the names is for no time: it only takes away what was set. */
  readonly endless?: string
  readonly yes: (strategy: string) => string
  readonly act: (chosen: Chosen) => Promise<void>
}

const durations: readonly (readonly [string, string])[] = [
  ['15m', '15 minutes'],
  ['1h', '1 hour'],
  ['2h', '2 hours'],
  ['8h', '8 hours'],
  ['1d', '1 day'],
  ['7d', '7 days'],
  ['', 'until somebody changes it'],
]

export function strategyForm(options: StrategyFormOptions): HTMLElement {
  const { names, now, meanings } = options
  const group = `strategy-${Math.floor(performance.now())}`
  const meaning = el('p', { class: 'meaning', id: `${group}-meaning` })
  const go = el('button', { type: 'submit', class: 'primary' })
  const long = el(
    'select',
    { name: 'for' },
    durations.map(([value, words]) => el('option', { value, selected: value === '2h' }, words)),
  )
  const why = reasonField()
  const failed = el('p', { class: 'notice failed', role: 'alert', hidden: true })
  const radios = names.map((name) =>
    el('input', { type: 'radio', name: group, value: name, onchange: () => choose(name) }),
  )
  let strategy = now
  const choose = (name: string): void => {
    strategy = name
    for (const radio of radios) radio.checked = radio.value === name
    long.disabled = name === options.endless
    put(meaning, meanings[name] ?? '')
    put(go, options.yes(name))
  }
  const submit = async (): Promise<void> => {
    go.disabled = true
    failed.hidden = true
    try {
      await options.act({
        strategy,
        for: long.disabled ? '' : long.value,
        reason: why.reason(),
      })
    } catch (error) {
      put(failed, sentenceOf(problemOf(error)))
      failed.hidden = false
    } finally {
      go.disabled = false
    }
  }
  choose(now)
  const parts: readonly Child[] = [
    el(
      'fieldset',
      { class: 'choices' },
      el('legend', {}, 'Serve with'),
      radios.map((radio) => el('label', {}, radio, el('span', {}, radio.value))),
    ),
    meaning,
    el('div', { class: 'fields' }, field('For how long', long), why.element),
    failed,
    el('div', { class: 'actions' }, go),
  ]
  return el(
    'form',
    {
      class: 'strategy-form',
      onsubmit: (event) => {
        event.preventDefault()
        void submit()
      },
    },
    parts,
  )
}
