/** One sender: what was learned of it and why it is served so; pinning it, and forgetting it. */
import type { SenderJson } from '../../admin/schemas.ts'
import { strategyNames } from '../../strategy/names.ts'
import { ask, segment } from '../api.ts'
import { askInDialog } from '../dialog.ts'
import { type Child, el, outside } from '../dom.ts'
import { badge, facts } from '../parts.ts'
import { hashOf } from '../place.ts'
import { delaysInWords } from '../retry-delays.ts'
import { sparkline } from '../sparkline.ts'
import { clock, count, spell } from '../words.ts'
import {
  type AsideContext,
  asideHead,
  notYetWords,
  onlyRead,
  reasonIn,
  timeIn,
  untilOf,
} from './peer-aside.ts'
import { strategyForm } from './strategy-form.ts'

const delays: readonly (readonly [string, string])[] = [
  ['within1m', '1m'],
  ['within5m', '5m'],
  ['within15m', '15m'],
  ['within1h', '1h'],
  ['within4h', '4h'],
  ['later', 'more than 4h'],
]

const lessonWords: Readonly<Record<string, string>> = {
  messages: 'Messages',
  deferred: 'Deferred',
  returned: 'Came back',
  sameConnection: 'In the same connection',
  elsewhere: 'At another front-end',
  cutOff: 'Cut off',
  missing: 'Missing',
  failed: 'Failed',
}

export function senderParts(
  name: string,
  sender: SenderJson | undefined,
  context: AsideContext,
): Child {
  if (sender === undefined)
    return [
      asideHead(outside(name), 'sender', context.close),
      el('p', { class: 'empty' }, 'Nothing is known of this sender: it is as new.'),
      context.mayOperate() ? pinForm(name, 'late', context) : onlyRead(),
    ]
  const { strategy, why, pin, lessons, lastChange, lastSeen, retryDelays } = sender
  return [
    asideHead(outside(name), 'sender', context.close),
    pin === undefined
      ? el('p', {}, badge(strategy), ` ${why}`)
      : el(
          'p',
          {},
          badge(strategy, 'info'),
          ` pinned by ${pin.by}, ${clock(Date.parse(pin.at), Date.now())}.`,
        ),
    facts([
      pin && ['Until', untilOf(pin.until)],
      ['Forced retries', count(sender.forcedRetries)],
      ...Object.entries(lessonWords).flatMap(([lesson, words]): [string, Child][] =>
        lessons[lesson] === undefined ? [] : [[words, count(lessons[lesson])]],
      ),
      lastSeen === undefined ? undefined : ['Last seen', agoOf(lastSeen)],
      ['Last change', agoOf(lastChange)],
    ]),
    el('h4', {}, 'How soon it comes back'),
    retryDelays.length === 0
      ? undefined
      : el('p', {}, sparkline(retryDelays), el('small', {}, ` ${delaysInWords(retryDelays)}`)),
    delayBars(sender),
    el(
      'div',
      { class: 'actions' },
      el(
        'a',
        { class: 'button', href: hashOf({ view: 'splits', state: new Map([['q', name]]) }) },
        'Its open splits',
      ),
    ),
    context.mayOperate()
      ? [
          el('h4', {}, 'Change'),
          pinForm(name, strategy, context, pin !== undefined),
          forgetButton(name, context),
        ]
      : onlyRead(),
  ]
}

const agoOf = (time: string): string => `${spell(Date.now() - Date.parse(time))} ago`

/** A bar for each bucket of what was learned. */
function delayBars({ lessons }: SenderJson): HTMLElement {
  const counts = delays.map(([lesson, words]) => [words, lessons[lesson] ?? 0] as const)
  const most = Math.max(1, ...counts.map(([, value]) => value))
  return el(
    'div',
    { class: 'bars' },
    counts.map(([words, value]) =>
      el(
        'div',
        { class: 'bar-row' },
        el('span', { class: 'dim' }, words),
        el('meter', { min: 0, max: most, value, 'aria-label': words }),
        el('span', { class: 'number' }, count(value)),
      ),
    ),
  )
}

function pinForm(
  name: string,
  strategy: string,
  { say, sources }: AsideContext,
  pinned = false,
): Child {
  const names = pinned ? [...strategyNames, 'auto'] : strategyNames
  return strategyForm({
    names,
    now: strategy,
    meanings: { auto: 'No pin any more: as Rcptwise has learned.' },
    yes: (chosen) => (chosen === 'auto' ? 'Take the pin away' : `Pin to ${chosen}`),
    endless: 'auto',
    act: async ({ strategy: chosen, for: time, reason }) => {
      const set = await ask<Partial<SenderJson>>(`api/v1/senders/${segment(name)}/strategy`, {
        method: 'PUT',
        body: { strategy: chosen, ...timeIn(time), ...reasonIn(reason) },
      })
      const words = chosen === 'auto' ? 'is served as learned' : `is pinned to ${chosen}`
      say(`${name} ${words}${notYetWords(set.notYet)}.`)
      await sources.senders.refresh()
    },
  })
}

const forgetButton = (name: string, { say, sources, close }: AsideContext): HTMLElement =>
  el(
    'button',
    {
      type: 'button',
      onclick: () =>
        askInDialog({
          title: 'Forget this sender?',
          yes: 'Forget',
          danger: true,
          body: [
            el(
              'p',
              {},
              'Rcptwise forgets what it has learned of ',
              outside(name),
              ', and a pin with it.',
            ),
            el('p', {}, 'Its next message is that of a new sender.'),
          ],
          act: async (reason) => {
            await ask(`api/v1/senders/${segment(name)}`, { method: 'DELETE', query: { reason } })
            say(`${name} is forgotten.`)
            close()
            await sources.senders.refresh()
          },
        }),
    },
    'Forget …',
  )
