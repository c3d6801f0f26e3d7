/** The console: the frame of the page, and which view is in it. */
import type { ApiProblem } from './api.ts'
import { isDialogOpen } from './dialog.ts'
import { el, find, put, setText } from './dom.ts'
import { changed, hashOf, type Place, placeIn, type ViewName } from './place.ts'
import { keyOf, listenToKeys, showShortcuts, titleOf } from './shortcuts.ts'
import { openSources } from './sources.ts'
import { chosenTheme, nextTheme, useTheme } from './theme.ts'
import type { Update, View, ViewContext } from './view.ts'
import { sendersView } from './views/senders.ts'
import { splitsView } from './views/splits.ts'
import { clock } from './words.ts'

const views: Readonly<Partial<Record<ViewName, View>>> = {
  senders: sendersView,
  splits: splitsView,
}

const main = find('main')
const statusLine = find('status')

let answeredAt = 0

function onAnswered(problem: ApiProblem | undefined): void {
  if (problem === undefined) answeredAt = Date.now()
  const [state, words] = stateOf(problem)
  statusLine.dataset['state'] = state
  setText(statusLine, words)
}

function stateOf(problem: ApiProblem | undefined): readonly [string, string] {
  if (problem === undefined) return ['live', 'live']
  if (problem.status !== 0 && problem.status !== 502 && problem.status !== 503)
    return ['trouble', `trouble: ${problem.message}`]
  const asOf = answeredAt === 0 ? '' : `, as of ${clock(answeredAt, Date.now())}`
  return ['away', `reconnecting${asOf}`]
}

const sources = openSources(onAnswered)

let place: Place = placeIn(location.hash)
let shown:
  { readonly view: ViewName; readonly update: Update; readonly end: AbortController } | undefined

function show(next: Place): void {
  place = next
  if (shown?.view !== place.view) {
    shown?.end.abort()
    const end = new AbortController()
    const root = el('div', { class: `view ${place.view}` })
    const view = views[place.view] ?? splitsView
    const update = view(root, contextOf(end.signal))
    put(main, root)
    shown = { view: place.view, update, end }
    document.title = `${titleOf(place.view)} – Rcptwise`
    markView()
  }
  shown.update(place)
}

const contextOf = (signal: AbortSignal): ViewContext => ({
  sources,
  signal,
  go: (change) => goTo(changed(place, change)),
  mayOperate: () => true,
  say,
})

/** What is typed or sorted replaces the entry in the browser's history; what is opened adds one. */
function goTo(next: Place): void {
  const [from, to] = [hashOf(place), hashOf(next)]
  if (from === to) return
  const opens = ['id', 'peer', 'sender'].some(
    (word) => (next.state.get(word) ?? '') !== (place.state.get(word) ?? ''),
  )
  if (opens) history.pushState(null, '', to)
  else history.replaceState(null, '', to)
  show(next)
}

let saidTimer: ReturnType<typeof setTimeout> | undefined

function say(text: string): void {
  const said = find('said')
  setText(said, text)
  said.classList.add('shown')
  clearTimeout(saidTimer)
  saidTimer = setTimeout(() => said.classList.remove('shown'), 6000)
}

function markView(): void {
  for (const link of document.querySelectorAll('#views a'))
    if (link.getAttribute('href') === `#/${place.view}`) link.setAttribute('aria-current', 'page')
    else link.removeAttribute('aria-current')
}

function turnTheme(): void {
  const theme = nextTheme(chosenTheme())
  useTheme(theme)
  themeButton.dataset['theme'] = theme
  setText(themeWords, theme)
  say(theme === 'system' ? 'Colours as the system says.' : `Colours: ${theme}.`)
}

const themeWords = el('span', {}, chosenTheme())
const themeButton = el(
  'button',
  {
    type: 'button',
    class: 'plain',
    'data-theme': chosenTheme(),
    title: 'Dark, light, or as the system says (t)',
    onclick: turnTheme,
  },
  el('span', { class: 'unseen' }, 'Colours: '),
  themeWords,
)

useTheme(chosenTheme())
put(
  find('views'),
  (Object.keys(views) as ViewName[]).map((view) =>
    el('li', {}, el('a', { href: `#/${view}`, title: `(${keyOf(view)})` }, titleOf(view))),
  ),
)
put(
  find('controls'),
  themeButton,
  el(
    'button',
    { type: 'button', class: 'plain', title: 'Keyboard (?)', onclick: showShortcuts },
    el('span', { 'aria-hidden': 'true' }, '?'),
    el('span', { class: 'unseen' }, 'Keyboard shortcuts'),
  ),
)
find('skip').addEventListener('click', (event) => {
  event.preventDefault()
  main.focus()
})
addEventListener('hashchange', () => show(placeIn(location.hash)))
addEventListener('popstate', () => show(placeIn(location.hash)))
listenToKeys({
  goTo: (view) => {
    if (!isDialogOpen()) location.hash = `#/${view}`
  },
  refresh: () => void sources.peers.refresh(),
  turnTheme,
})
show(place)
