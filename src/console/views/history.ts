/** What became of messages: the search of `rcptwise why`, and each message as a time line. */
import type { HistoryJson } from '../../admin/history-schema.ts'
import { messagesOf } from '../../history/messages-of.ts'
import { ask, problemOf } from '../api.ts'
import { type Child, el, outside, put } from '../dom.ts'
import { badge, bar, field, sentenceOf, setField } from '../parts.ts'
import type { Place } from '../place.ts'
import type { View } from '../view.ts'
import { clock, plural } from '../words.ts'
import { type Awaited, messageElement } from './history-message.ts'

const fields: readonly (readonly [string, string, string])[] = [
  ['address', 'Recipient or sender', 'bob@example.org'],
  ['from', 'Sender', 'shop@example.com'],
  ['messageId', 'Message-ID', '<1@example.com>'],
  ['client', 'Client address', '192.0.2.25'],
  ['split', 'Split', ''],
  ['queueId', 'Queue id of your server', ''],
]

const spans: readonly (readonly [string, string])[] = [
  ['', 'all that is kept'],
  ['1h', 'last hour'],
  ['8h', 'last 8 hours'],
  ['1d', 'last day'],
  ['7d', 'last 7 days'],
]

export const historyView: View = (root, { go, signal }) => {
  const inputs = new Map(
    fields.map(([name, , placeholder]) => [
      name,
      el('input', {
        ...{ name, placeholder, spellcheck: 'false', autocomplete: 'off', maxlength: '1000' },
        'data-filter': name === 'address',
      }),
    ]),
  )
  const since = el(
    'select',
    { name: 'since' },
    spans.map(([value, words]) => el('option', { value }, words)),
  )
  const results = el('div', { class: 'results', 'aria-live': 'polite' })
  const submit = (event: Event): void => {
    event.preventDefault()
    const asked = [...inputs].map(([name, input]) => [name, input.value.trim()] as const)
    go({ ...Object.fromEntries(asked), since: since.value, at: String(Date.now()) })
  }
  root.append(
    bar('History'),
    el(
      'form',
      { class: 'search', onsubmit: submit },
      fields.map(([name, label]) => field(label, inputs.get(name) ?? el('input'))),
      field('How far back', since),
      el('button', { type: 'submit', class: 'primary' }, 'Search'),
    ),
    results,
  )
  let asked = ''
  const search = async (place: Place): Promise<void> => {
    const query = queryOf(place)
    const stamp = JSON.stringify([query, place.state.get('at')])
    if (stamp === asked) return
    asked = stamp
    if (fields.every(([name]) => query[name] === undefined)) {
      put(results, el('p', { class: 'empty' }, 'Say who or what, in one of the fields at least.'))
      return
    }
    put(results, el('p', { class: 'notice' }, 'Searching …'))
    try {
      const answer = await ask<HistoryJson>('api/v1/history', { query, signal })
      if (stamp === asked) put(results, found(answer))
    } catch (error) {
      if (signal.aborted || stamp !== asked) return
      const problem = problemOf(error)
      put(results, el('p', { class: 'notice failed', role: 'alert' }, sentenceOf(problem)))
    }
  }
  return (place) => {
    for (const [name, input] of inputs) setField(input, place.state.get(name))
    setField(since, place.state.get('since'))
    void search(place)
  }
}

function queryOf({ state }: Place): Record<string, string | undefined> {
  const names = [...fields.map(([name]) => name), 'since']
  return Object.fromEntries(names.map((name) => [name, state.get(name)]))
}

type Answer = Parameters<typeof messagesOf>[0]

function found(answer: HistoryJson): Child {
  // The schema tells the same words as plain text (app/history-answer.ts).
  const messages = [...messagesOf(answer as unknown as Answer)].reverse()
  const awaited: Awaited = new Map(
    answer.awaited.map(({ split, recipients }) => [
      split,
      recipients.map((each) => each.toLowerCase()),
    ]),
  )
  const asked = new Set(answer.asked.map((name) => name.toLowerCase()))
  return [
    notesOn(answer, messages.length),
    messages.map((message, i) => messageElement(message, { asked, awaited, open: i === 0 })),
  ]
}

function notesOn(
  { more, keptSince, addresses, unwritten, gaps }: HistoryJson,
  count: number,
): Child {
  const now = Date.now()
  const kept =
    keptSince === undefined
      ? 'The history has nothing yet.'
      : `The history goes back to ${clock(keptSince, now)}.`
  return el(
    'p',
    { class: 'dim' },
    count === 0 ? 'The history knows no such message. ' : `${plural(count, 'message')}. `,
    kept,
    addresses === 'full' ? undefined : ` It keeps ${addresses} in place of addresses.`,
    more ? [' ', badge('more than are shown', 'warn'), ' Narrow the search.'] : undefined,
    unwritten === undefined || unwritten === 0
      ? undefined
      : ` ${plural(unwritten, 'attempt')} can not be written now.`,
    gaps.length === 0
      ? undefined
      : [
          ' ',
          badge(plural(gaps.length, 'gap'), 'warn'),
          outside(
            ` ${gaps.map(({ from, until, why }) => `${clock(from, now)} to ${clock(until, now)}: ${why}`).join('; ')}`,
          ),
        ],
  )
}
