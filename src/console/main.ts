/** The console: the frame of the page, and which view is in it. */
import type { HappenedJson } from '../admin/schemas.ts'
import { type ApiProblem, ask, problemOf } from './api.ts'
import { isDialogOpen } from './dialog.ts'
import { el, find, put, setText } from './dom.ts'
import { askSession, isOutside, logInForm, logOut, mayOperate, type Session } from './session.ts'
import { forgetKept } from './source.ts'
import { changed, hashOf, type Place, placeIn, type ViewName, viewNames } from './place.ts'
import { keyOf, listenToKeys, showShortcuts, titleOf } from './shortcuts.ts'
import { readEvents } from './events.ts'
import type { StreamEvent } from './event-reader.ts'
import { type AuditTold, openSources } from './sources.ts'
import { chosenTheme, nextTheme, useTheme } from './theme.ts'
import type { Update, View, ViewContext } from './view.ts'
import { auditView } from './views/audit.ts'
import { configurationView } from './views/configuration.ts'
import { delaysView } from './views/delays.ts'
import { historyView } from './views/history.ts'
import { nowView } from './views/now.ts'
import { sendersView } from './views/senders.ts'
import { splitsView } from './views/splits.ts'
import { clock } from './words.ts'

const views: Readonly<Record<ViewName, View>> = {
  now: nowView,
  senders: sendersView,
  splits: splitsView,
  history: historyView,
  delays: delaysView,
  audit: auditView,
  configuration: configurationView,
}

const main = find('main')
const statusLine = find('status')

let answeredAt = 0

let session: Session = { wantsToken: false }

function onAnswered(problem: ApiProblem | undefined): void {
  if (problem?.status === 401) void begin()
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
  if (isOutside(session)) return
  if (shown?.view !== place.view) {
    shown?.end.abort()
    const end = new AbortController()
    const root = el('div', { class: `view ${place.view}` })
    const view = views[place.view]
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
  mayOperate: () => mayOperate(session),
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
  viewNames.map((view) =>
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
const changesByHand: ReadonlySet<string> = new Set([
  ...['strategyChanged', 'senderChanged', 'splitForgiven', 'drainChanged'],
])

/** Which front-end this is comes with each stream; a change is shown when it happens. */
function onEvent(event: StreamEvent): void {
  if (event.name === 'hello') {
    const { instance } = JSON.parse(event.data) as { readonly instance: string }
    setText(find('instance'), instance)
    askWhatHappened()
  } else if (changesByHand.has(event.name)) {
    void sources.audit.refreshWatched()
    void sources.peers.refreshWatched()
    void sources.senders.refreshWatched()
  } else if (event.name.startsWith('config')) void sources.configuration.refreshWatched()
  else if (event.name === 'reset' || event.name === 'gap') refresh()
  sources.happened.add(event)
}

/** Before the page was opened, or while it heard nothing; without it the page works as well. */
const askWhatHappened = (): void => {
  void ask<HappenedJson>('api/v1/happened')
    .then((told) => sources.happened.addMissed(told))
    .then(async () => await ask<AuditTold>('api/v1/audit', { query: { limit: '12' } }))
    .then(({ entries }) => sources.happened.addPast(entries))
    .catch(() => undefined)
}

const refresh = (): void => {
  for (const source of sources.all) void source.refreshWatched()
}

document.addEventListener('visibilitychange', () => {
  if (!document.hidden) refresh()
})
listenToKeys({
  goTo: (view) => {
    if (!isDialogOpen()) location.hash = `#/${view}`
  },
  refresh,
  turnTheme,
})
const who = el('span', { class: 'controls' })
find('controls').prepend(who)

/** Whoever has to log in first sees a form alone, and nothing that was kept for somebody else. */
function enter(told: Session): void {
  session = told
  onAnswered(undefined)
  put(who, told.wantsToken && told.by !== undefined ? whoIsIn(told, told.by) : undefined)
  if (isOutside(told)) {
    shown?.end.abort()
    shown = undefined
    forgetKept()
    put(main, logInForm(enter))
    main.querySelector('input')?.focus()
    return
  }
  show(place)
  listen()
}

const whoIsIn = ({ role }: Session, by: string): HTMLElement =>
  el(
    'button',
    {
      type: 'button',
      class: 'plain',
      title: 'Log out',
      onclick: () => {
        forgetKept()
        void logOut()
          .catch(() => undefined)
          .then(() => location.reload())
      },
    },
    role === 'read' ? `${by} (read)` : by,
    el('span', { class: 'unseen' }, ', log out'),
  )

let listening = false

function listen(): void {
  if (listening) return
  listening = true
  readEvents(onEvent)
}

/** A front-end that is away may be there in a moment: what was kept is shown until then. */
async function begin(): Promise<void> {
  try {
    enter(await askSession())
  } catch (error) {
    const problem = problemOf(error)
    if (problem.status !== 404) onAnswered(problem)
    show(place)
    if (problem.status === 0) setTimeout(() => void begin(), 2000)
    else listen()
  }
}

void begin()
