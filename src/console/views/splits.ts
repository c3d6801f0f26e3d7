/**
 * Who waits since when, who has the message, and what was said to whom; and letting a message
 * through unsplit, after it was said what that means for each recipient.
 */
import type { SplitJson } from '../../admin/schemas.ts'
import { explainReason } from '../../verdict/reason-in-words.ts'
import type { Reason } from '../../verdict/reason.ts'
import { askTagged, ask, segment } from '../api.ts'
import { askInDialog } from '../dialog.ts'
import { type Child, el, outside } from '../dom.ts'
import { Aside, badge, bar, facts, filterField, Notice, setField, type Tone } from '../parts.ts'
import { hashOf, type Place } from '../place.ts'
import type { SplitsTold } from '../sources.ts'
import type { State } from '../source.ts'
import { type Column, Table } from '../table.ts'
import type { View, ViewContext } from '../view.ts'
import { clock, plural, spell } from '../words.ts'

type Recipient = SplitJson['recipients'][number]

const senderOf = ({ from }: SplitJson): string => (from === '' ? '<> (a report)' : from)
const waitingIn = ({ recipients }: SplitJson): readonly Recipient[] =>
  recipients.filter(({ state }) => state !== 'answered')
const hasIt = ({ state, answer }: Recipient): boolean =>
  state === 'answered' && answer?.code.toString().startsWith('2') !== false
const missingIn = ({ recipients }: SplitJson): readonly Recipient[] =>
  recipients.filter(({ missingSince }) => missingSince !== undefined)
const ago = (time: string): string => spell(Date.now() - Date.parse(time))

const columns: readonly Column<SplitJson>[] = [
  {
    key: 'from',
    title: 'Sender',
    value: senderOf,
    cell: (split) => outside(senderOf(split)),
  },
  {
    key: 'waiting',
    title: 'Waiting',
    kind: 'number',
    down: true,
    value: ({ waiting }) => waiting,
    help: 'Recipients without a final answer',
    cell: (split) => [
      missingIn(split).length > 0 ? badge('missing', 'bad') : undefined,
      ' ',
      String(split.waiting),
    ],
  },
  {
    key: 'have',
    title: 'Have it',
    kind: 'number',
    wide: true,
    down: true,
    value: ({ recipients }) => recipients.filter(hasIt).length,
    help: 'Recipients who have the message already',
  },
  {
    key: 'started',
    title: 'Since',
    kind: 'number',
    value: ({ startedAt }) => Date.parse(startedAt),
    cell: ({ startedAt }) => ago(startedAt),
    help: 'How long ago the first attempt was',
  },
  {
    key: 'last',
    title: 'Last attempt',
    kind: 'number',
    wide: true,
    value: ({ lastAttemptAt }) => Date.parse(lastAttemptAt),
    cell: ({ lastAttemptAt }) => `${ago(lastAttemptAt)} ago`,
  },
  {
    key: 'retries',
    title: 'Forced retries',
    kind: 'number',
    wide: true,
    down: true,
    value: ({ forcedRetries }) => forcedRetries,
  },
  { key: 'peer', title: 'Class', wide: true, value: ({ peer }) => peer },
  { key: 'strategy', title: 'Strategy', wide: true, value: ({ strategy }) => strategy },
  {
    key: 'client',
    title: 'Client',
    wide: true,
    value: ({ client = '' }) => client,
    cell: ({ client = '' }) => outside(client),
  },
]

export const splitsView: View = (root, context) => {
  const { sources, go, signal } = context
  let place: Place | undefined
  const filter = filterField('Filter by address, client, class, id', (q) => go({ q }))
  const which = el(
    'select',
    { 'aria-label': 'Which splits', onchange: () => go({ only: which.value }) },
    el('option', { value: '' }, 'all open'),
    el('option', { value: 'missing' }, 'with missing recipients'),
  )
  const total = el('span', { class: 'count' })
  const notice = new Notice()
  const table = new Table<SplitJson>({
    ...{ label: 'Open splits', columns },
    keyOf: ({ id }) => id,
    hrefOf: ({ id }) => hashWith(place, id),
    stampOf: ({ startedAt, lastAttemptAt, recipients }) =>
      [ago(startedAt), ago(lastAttemptAt), recipients.map(({ state }) => state)].join(),
    searched: ({ id, from, messageId, client, peer, strategy, recipients }) => [
      ...[id, from, messageId, client, peer, strategy],
      ...recipients.map(({ address }) => address),
    ],
    onSort: (sort) => go({ sort }),
    sort: 'started',
  })
  const aside = new Aside('Split', () => go({ id: '' }))
  const opened = new OpenedSplit(aside, context)
  root.append(
    bar(['Open splits ', total], filter, which),
    notice.element,
    el('div', { class: 'list-and-aside' }, table.element, aside.element),
  )

  const draw = (): void => {
    if (place === undefined) return
    const { state } = place
    const source = state.get('only') === 'missing' ? sources.missing : sources.splits
    const told = source.state
    table.element.hidden = !notice.of(told)
    const { splits = [], more = false } = told.value ?? {}
    const shown = table.show({
      rows: splits,
      sort: state.get('sort'),
      filter: state.get('q'),
      selected: state.get('id'),
      empty:
        state.get('only') === 'missing'
          ? 'Nobody is missing: every sender still has time to come back.'
          : 'Nobody waits: no message is being answered in parts.',
    })
    total.textContent = told.value === undefined ? '' : `${shown}${more ? '+' : ''}`
    opened.show(state.get('id'), told)
  }
  sources.splits.watch(draw, signal)
  sources.missing.watch(draw, signal)
  return (next) => {
    place = next
    setField(filter, next.state.get('q'))
    setField(which, next.state.get('only'))
    draw()
  }
}

const hashWith = (place: Place | undefined, id: string): string =>
  hashOf({ view: 'splits', state: new Map([...(place?.state ?? []), ['id', id]]) })

/** One split beside the list; it stays when it has ended. */
class OpenedSplit {
  readonly #aside: Aside
  readonly #context: ViewContext
  #id: string | undefined
  #last: SplitJson | undefined
  #drawn = ''

  constructor(aside: Aside, context: ViewContext) {
    this.#aside = aside
    this.#context = context
  }

  show(id: string | undefined, { value }: State<SplitsTold>): void {
    if (id === undefined) {
      this.#id = undefined
      this.#aside.hide()
      return
    }
    const changed = id !== this.#id
    if (changed) this.#last = undefined
    this.#id = id
    const listed = value?.splits.find((split) => split.id === id)
    if (listed !== undefined) this.#draw(listed)
    else if (changed || this.#last?.status === 'open') void this.#fetch(id)
  }

  async #fetch(id: string): Promise<void> {
    try {
      this.#draw(await ask<SplitJson>(`api/v1/splits/${segment(id)}`))
    } catch {
      if (this.#last === undefined)
        this.#aside.show(
          id,
          el('h3', {}, 'Split ', outside(id)),
          el('p', { class: 'empty' }, 'There is no such split any more, or it can not be read.'),
        )
    }
  }

  #draw(split: SplitJson): void {
    if (split.id !== this.#id) return
    this.#last = split
    const stamp = `${JSON.stringify(split)} ${ago(split.lastAttemptAt)}`
    if (stamp === this.#drawn && this.#aside.open) return
    this.#drawn = stamp
    const focused = document.activeElement
    const onForgive = focused !== null && focused.matches('[data-forgive]')
    this.#aside.show(split.id, this.#parts(split))
    if (onForgive) this.#aside.element.querySelector<HTMLElement>('[data-forgive]')?.focus()
  }

  #parts(split: SplitJson): Child {
    const { go } = this.#context
    const why = hashOf({ view: 'history', state: new Map([['split', split.id]]) })
    return [
      el(
        'div',
        { class: 'aside-head' },
        el('h3', {}, outside(senderOf(split))),
        el(
          'button',
          { type: 'button', class: 'close', 'aria-label': 'Close', onclick: () => go({ id: '' }) },
          '×',
        ),
      ),
      split.status === 'open'
        ? undefined
        : el('p', {}, badge(split.status, 'good'), ' This split has ended.'),
      split.forgiven && split.status === 'open'
        ? el('p', {}, badge('forgiven', 'info'), ' The next attempt goes through unsplit.')
        : undefined,
      el(
        'ol',
        { class: 'recipients' },
        [...split.recipients].sort(byNeed).map((recipient) => recipientItem(recipient)),
      ),
      facts([
        [
          'First attempt',
          `${clock(Date.parse(split.startedAt), Date.now())}, ${ago(split.startedAt)} ago`,
        ],
        [
          'Last attempt',
          `${clock(Date.parse(split.lastAttemptAt), Date.now())}, ${ago(split.lastAttemptAt)} ago`,
        ],
        [
          'Forced retries',
          `${split.forcedRetries}${split.idleAttempts > 0 ? `, ${plural(split.idleAttempts, 'attempt')} without progress` : ''}`,
        ],
        ['Class, strategy', `${split.peer}, ${split.strategy}`],
        split.client === undefined ? undefined : ['Client', outside(split.client)],
        split.messageId === undefined ? undefined : ['Message-ID', outside(split.messageId)],
        ['Split', outside(split.id)],
      ]),
      el(
        'div',
        { class: 'actions' },
        el('a', { class: 'button', href: why }, 'History of this message'),
        split.status === 'open' && !split.forgiven && this.#context.mayOperate()
          ? el(
              'button',
              {
                type: 'button',
                'data-forgive': true,
                onclick: () => void forgive(split, this.#context),
              },
              'Forgive …',
            )
          : undefined,
      ),
    ]
  }
}

const byNeed = (a: Recipient, b: Recipient): number => need(a) - need(b)
const need = ({ state, missingSince }: Recipient): number => {
  if (missingSince !== undefined) return 0
  return state === 'waiting' ? 1 : state === 'refused' ? 2 : 3
}

function recipientItem(recipient: Recipient): HTMLElement {
  const { address, reason, reply, answer, deferrals } = recipient
  const [what, tone] = stateOf(recipient)
  return el(
    'li',
    {},
    el('div', { class: 'line' }, outside(address, 'address'), badge(what, tone)),
    deferrals > 0
      ? el('div', { class: 'dim' }, `deferred ${plural(deferrals, 'time')}`)
      : undefined,
    answer === undefined
      ? undefined
      : el(
          'div',
          { class: 'said-to' },
          'told ',
          quoted([answer.code, answer.status ?? '', answer.text].join(' ')),
        ),
    reply === undefined
      ? undefined
      : el('div', { class: 'said-to' }, 'will be told ', quoted(reply)),
    reason === undefined ? undefined : el('div', { class: 'dim' }, explainReason(reason as Reason)),
  )
}

const quoted = (text: string): HTMLElement => el('q', { class: 'reply' }, outside(text))

function stateOf(recipient: Recipient): readonly [string, Tone] {
  const { state, missingSince, deferredAt } = recipient
  if (missingSince !== undefined) return [`missing for ${ago(missingSince)}`, 'bad']
  if (state === 'answered') return hasIt(recipient) ? ['has it', 'good'] : ['refused', 'quiet']
  const since = deferredAt === undefined ? '' : ` for ${ago(deferredAt)}`
  return state === 'refused' ? [`refusal kept${since}`, 'quiet'] : [`waits${since}`, 'warn']
}

/** The API says first what would happen; nothing happens before that was seen. */
async function forgive(split: SplitJson, { say, sources }: ViewContext): Promise<void> {
  const path = `api/v1/splits/${segment(split.id)}`
  const seen = await askTagged<SplitJson>(path).catch(() => ({ value: split, etag: undefined }))
  const { ifForgiven = [], status } = seen.value
  if (status !== 'open') {
    say(`This split is ${status} already.`)
    await sources.splits.refresh()
    return
  }
  askInDialog({
    title: 'Forgive this message?',
    yes: 'Forgive',
    danger: true,
    body: [
      el('p', {}, 'The next attempt of its sender goes through unsplit. Then:'),
      el(
        'ul',
        { class: 'fates' },
        ifForgiven.map(({ address, what }) =>
          el('li', {}, outside(address, 'address'), el('div', { class: 'dim' }, what)),
        ),
      ),
      waitingIn(split).length === 0 ? el('p', {}, 'Nobody waits in it any more.') : undefined,
    ],
    act: async (reason) => {
      // What was shown is what happens, or it is shown anew.
      const asked = { method: 'POST', query: { reason }, ifMatch: seen.etag } as const
      await ask<SplitJson>(`${path}/forgive`, asked)
      say(`The message of ${senderOf(split)} is forgiven.`)
      await sources.splits.refresh()
    },
  })
}
