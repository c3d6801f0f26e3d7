/** What the keyboard does, and the page that says so. */
import { isDialogOpen, tellInDialog } from './dialog.ts'
import { el } from './dom.ts'
import { type ViewName, viewNames } from './place.ts'

const letters: Readonly<Record<ViewName, string>> = {
  now: 'n',
  senders: 'p',
  splits: 's',
  history: 'h',
  delays: 'd',
  audit: 'a',
  configuration: 'c',
}

const others: readonly (readonly [string, string])[] = [
  ['/', 'filter or search in this view'],
  ['j  k', 'next and previous row of a table (the arrows as well)'],
  ['Enter', 'open the row; on a heading: sort by it'],
  ['Esc', 'close what is open'],
  ['r', 'ask the front-end again now'],
  ['t', 'dark, light, or as the system says'],
  ['?', 'these shortcuts'],
]

export interface Keys {
  readonly goTo: (view: ViewName) => void
  readonly refresh: () => void
  readonly turnTheme: () => void
}

export function listenToKeys({ goTo, refresh, turnTheme }: Keys): void {
  const acts = new Map<string, () => void>([
    ...viewNames.map((view) => [letters[view], () => goTo(view)] as const),
    ['/', focusFilter],
    ['r', refresh],
    ['t', turnTheme],
    ['?', showShortcuts],
  ])
  document.addEventListener('keydown', (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey || event.defaultPrevented) return
    if (isDialogOpen() || isTypedInto(event.target)) return
    const act = acts.get(event.key)
    if (act === undefined) return
    event.preventDefault()
    act()
  })
}

const isTypedInto = (target: EventTarget | null): boolean =>
  target instanceof Element && target.closest('input, textarea, select') !== null

function focusFilter(): void {
  const field = document.querySelector<HTMLInputElement>('main [data-filter]')
  field?.focus()
  field?.select()
}

export function showShortcuts(): void {
  const rows = [
    ...viewNames.map((view) => [letters[view], `the view “${titleOf(view)}”`]),
    ...others,
  ]
  tellInDialog(
    'Keyboard',
    el(
      'table',
      { class: 'keys' },
      el(
        'tbody',
        {},
        rows.map(([keys = '', what = '']) =>
          el('tr', {}, el('th', { scope: 'row' }, keysOf(keys)), el('td', {}, what)),
        ),
      ),
    ),
  )
}

const keysOf = (keys: string): readonly HTMLElement[] =>
  keys.split(/\s+/).map((key) => el('kbd', {}, key))

const titles: Readonly<Record<ViewName, string>> = {
  now: 'Now',
  senders: 'Peers and senders',
  splits: 'Splits',
  history: 'History',
  delays: 'Delays',
  audit: 'Audit',
  configuration: 'Configuration',
}

export const titleOf = (view: ViewName): string => titles[view]
export const keyOf = (view: ViewName): string => letters[view]
