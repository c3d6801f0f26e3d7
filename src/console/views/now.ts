/** How things stand: the mail of the last hour by outcome, who waits, and what is down. */
import type { RecentJson } from '../../admin/recent-schema.ts'
import { Chart, type Columns } from '../chart.ts'
import { type Child, el, outside, put, setText } from '../dom.ts'
import { badge, bar, Notice, type Tone } from '../parts.ts'
import type { View } from '../view.ts'
import { clock, count, plural, spell } from '../words.ts'

type Minute = RecentJson['minutes'][number]

/** The outcomes that `rcptwise_transactions_total` counts. */
const lines: readonly (readonly [string, string, string])[] = [
  ['accepted', 'series-accepted', 'accepted'],
  ['mixed', 'series-mixed', 'some took it, some did not'],
  ['refused', 'series-refused', 'refused'],
  ['deferred', 'series-deferred', 'told to come again'],
  ['aborted', 'series-other', 'broken off'],
]
const chartLines = [
  { name: 'messages', colour: 'series-messages' },
  ...lines.map(([, colour, name]) => ({ name, colour })),
  { name: 'forced retries', colour: 'series-forced' },
]

export const nowView: View = (root, { sources, signal }) => {
  const notice = new Notice()
  const figures = el('div', { class: 'figures' })
  const plot = el('div', { class: 'chart' })
  const state = el('div', { class: 'states' })
  const happened = el('ol', { class: 'happened' })
  root.append(
    notice.element,
    figures,
    bar([
      'Mail a minute ',
      el('span', { class: 'count' }, 'messages, and attempts by their outcome'),
    ]),
    plot,
    el(
      'div',
      { class: 'columns' },
      el('section', {}, el('h2', {}, 'Servers and judges'), state),
      el('section', {}, el('h2', {}, 'What happened'), happened),
    ),
  )
  const chart = new Chart(plot, chartLines, signal)
  const draw = (): void => {
    const told = sources.recent.state
    notice.of(told)
    if (told.value === undefined) return
    const { value } = told
    const whole = value.minutes.slice(0, -1)
    drawFigures(figures, value, whole)
    chart.show(columnsOf(whole))
    plot.setAttribute('role', 'img')
    plot.setAttribute('aria-label', chartWords(whole))
    put(state, statesOf(value))
  }
  sources.recent.watch(draw, signal)
  sources.happened.watch((events) => {
    put(
      happened,
      events.length === 0
        ? el(
            'li',
            { class: 'dim' },
            'Nobody has changed anything, and nothing has happened since Rcptwise began.',
          )
        : events.map(({ at, words }) =>
            el('li', {}, el('time', { class: 'dim' }, clock(at, Date.now())), ' ', outside(words)),
          ),
    )
  }, signal)
  return draw
}

const columnsOf = (minutes: readonly Minute[]): Columns => [
  minutes.map(({ at }) => Math.round(at / 1000)),
  minutes.map(({ messages }) => messages),
  ...lines.map(([outcome]) => minutes.map(({ outcomes }) => outcomes[outcome] ?? 0)),
  minutes.map(({ forcedRetries }) => forcedRetries),
]

function chartWords(minutes: readonly Minute[]): string {
  const sum = (outcome: string): number =>
    minutes.reduce((total, { outcomes }) => total + (outcomes[outcome] ?? 0), 0)
  const said = lines.map(([outcome, , name]) => `${count(sum(outcome))} ${name}`).join(', ')
  const messages = minutes.reduce((total, minute) => total + minute.messages, 0)
  return `In the last ${plural(minutes.length, 'minute')} ${plural(messages, 'message')}; attempts: ${said}.`
}

function drawFigures(root: HTMLElement, value: RecentJson, whole: readonly Minute[]): void {
  const last = whole.at(-1)
  const lately = whole.slice(-15)
  const retries = lately.reduce((sum, { forcedRetries }) => sum + forcedRetries, 0)
  const figures: readonly (readonly [string, string, string | undefined, Tone])[] = [
    ['Messages, last minute', last === undefined ? '–' : count(last.messages), undefined, 'quiet'],
    ['Forced retries, 15 min', count(retries), '#/senders', 'quiet'],
    ['Open splits', count(value.open), '#/splits', 'quiet'],
    [
      'Missing recipients',
      count(value.missing),
      '#/splits?only=missing',
      value.missing > 0 ? 'bad' : 'good',
    ],
    ['Clients connected', count(value.sessions), undefined, 'quiet'],
    ['Running for', spell(Date.now() - value.startedAt), undefined, 'quiet'],
  ]
  if (root.childElementCount !== figures.length)
    put(
      root,
      figures.map(([name, , href]) =>
        el(
          href === undefined ? 'div' : 'a',
          { class: 'figure', ...(href !== undefined && { href }) },
          el('span', { class: 'name' }, name),
          el('strong', {}),
        ),
      ),
    )
  for (const [i, [, shown, , tone]] of figures.entries()) {
    const strong = root.children[i]?.querySelector('strong')
    if (!(strong instanceof HTMLElement)) continue
    setText(strong, shown)
    strong.className = tone
  }
}

function statesOf(value: RecentJson): Child {
  const { servers, judges, ready, reasons, draining, ledgerDurable } = value
  const line = (name: Child, word: string, tone: Tone, more: Child): HTMLElement =>
    el('li', {}, badge(word, tone), ' ', name, ' ', el('span', { class: 'dim' }, more))
  return el(
    'ul',
    { class: 'plain-list' },
    ready
      ? line('Rcptwise', 'ready', 'good', 'takes mail')
      : line('Rcptwise', 'not ready', 'bad', reasons.join('; ')),
    draining ? line('Draining', 'on', 'info', 'no split is begun') : undefined,
    ledgerDurable
      ? undefined
      : line('Ledger', 'in memory', 'bad', 'its store is away; a restart forgets open splits'),
    servers.map(({ name, up, connections }) =>
      line(
        outside(name),
        up ? 'up' : 'down',
        up ? 'good' : 'bad',
        plural(connections, 'connection'),
      ),
    ),
    judges.map(({ name, serversDown, asked, failed }) =>
      line(
        outside(name),
        serversDown > 0 ? 'down' : 'up',
        serversDown > 0 ? 'bad' : 'good',
        `${plural(asked, 'judgement')}${failed === 0 ? '' : `, ${count(failed)} failed`}`,
      ),
    ),
  )
}
