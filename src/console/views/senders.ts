/** Peer classes and what was learned of senders, with the strategy that each is served with. */
import type { PeerJson, SenderJson } from '../../admin/schemas.ts'
import { el, outside } from '../dom.ts'
import { Aside, badge, bar, filterField, Notice, setField } from '../parts.ts'
import { hashOf, type Place } from '../place.ts'
import { type Column, Table } from '../table.ts'
import type { View } from '../view.ts'
import { medianOf } from '../retry-delays.ts'
import { sparkline } from '../sparkline.ts'
import { count, spell } from '../words.ts'
import { peerParts, untilOf } from './peer-aside.ts'
import { senderParts } from './sender-aside.ts'

const ago = (time: string): string => `${spell(Date.now() - Date.parse(time))} ago`
const lesson = ({ lessons }: SenderJson, name: string): number => lessons[name] ?? 0

const peerColumns: readonly Column<PeerJson>[] = [
  { key: 'name', title: 'Class', value: ({ name }) => name },
  {
    key: 'inForce',
    title: 'Served with',
    value: ({ inForce }) => inForce,
    cell: ({ inForce, override }) => [
      badge(inForce, override === undefined ? 'quiet' : 'info'),
      override === undefined ? undefined : ' set by hand',
    ],
  },
  {
    key: 'until',
    title: 'Until',
    value: ({ override }) => override?.until ?? '',
    cell: ({ override }) => (override === undefined ? '–' : untilOf(override.until)),
  },
  { key: 'configured', title: 'Configured', wide: true, value: ({ configured }) => configured },
  { key: 'shadow', title: 'Shadow', wide: true, value: ({ shadow }) => shadow ?? '–' },
  {
    key: 'defers',
    title: 'Defers with',
    wide: true,
    value: ({ deferCode, retryHintSeconds }) => `${deferCode}, again in ${retryHintSeconds} s`,
  },
  { key: 'match', title: 'Holds', wide: true, value: ({ match }) => match },
]

const senderColumns: readonly Column<SenderJson>[] = [
  { key: 'name', title: 'Sender', value: ({ name }) => name, cell: ({ name }) => outside(name) },
  {
    key: 'strategy',
    title: 'Served with',
    value: ({ strategy }) => strategy,
    cell: ({ strategy, pin }) => [
      badge(strategy, pin === undefined ? 'quiet' : 'info'),
      pin === undefined ? undefined : ' pinned',
    ],
  },
  {
    key: 'why',
    title: 'Why',
    wide: true,
    value: ({ why, pin }) => (pin === undefined ? why : `pinned by ${pin.by}`),
  },
  {
    ...{ key: 'until', title: 'Until', wide: true },
    value: ({ pin }) => pin?.until ?? '',
    cell: ({ pin }) => (pin === undefined ? '–' : untilOf(pin.until)),
  },
  {
    ...{ key: 'messages', title: 'Messages', kind: 'number', down: true },
    value: (sender) => lesson(sender, 'messages'),
    cell: (sender) => count(lesson(sender, 'messages')),
  },
  {
    ...{ key: 'retries', title: 'Forced retries', kind: 'number', down: true },
    value: ({ forcedRetries }) => forcedRetries,
    cell: ({ forcedRetries }) => count(forcedRetries),
  },
  {
    ...{ key: 'returned', title: 'Came back', kind: 'number', down: true, wide: true },
    value: (sender) => lesson(sender, 'returned'),
    cell: (sender) => count(lesson(sender, 'returned')),
  },
  {
    ...{ key: 'delay', title: 'Retry delay', kind: 'number', down: true, wide: true },
    help: 'Of the last 20 retries: half of them came within this time',
    value: ({ retryDelays }) => medianOf(retryDelays) ?? -1,
    cell: ({ retryDelays }) => {
      const half = medianOf(retryDelays)
      return half === undefined ? '–' : [sparkline(retryDelays), ` ${spell(half * 1000)}`]
    },
  },
  {
    ...{ key: 'missing', title: 'Missing', kind: 'number', down: true },
    value: (sender) => lesson(sender, 'missing'),
    cell: (sender) => {
      const missing = lesson(sender, 'missing')
      return missing === 0 ? '0' : badge(count(missing), 'bad')
    },
  },
  {
    ...{ key: 'last', title: 'Last seen', kind: 'number', down: true },
    value: ({ lastSeen }) => (lastSeen === undefined ? 0 : Date.parse(lastSeen)),
    cell: ({ lastSeen }) => (lastSeen === undefined ? '–' : ago(lastSeen)),
  },
]

export const sendersView: View = (root, context) => {
  const { sources, go, signal } = context
  let place: Place | undefined
  const filter = filterField('Filter by name, strategy, reason', (q) => go({ q }))
  const href = (word: 'peer' | 'sender', other: 'peer' | 'sender') => (name: string) =>
    hashOf({
      view: 'senders',
      state: new Map([...[...(place?.state ?? [])].filter(([key]) => key !== other), [word, name]]),
    })
  const hrefOfPeer = href('peer', 'sender')
  const hrefOfSender = href('sender', 'peer')
  const peers = new Table<PeerJson>({
    ...{ label: 'Peer classes', columns: peerColumns },
    keyOf: ({ name }) => name,
    hrefOf: ({ name }) => hrefOfPeer(name),
    stampOf: ({ override }) =>
      override?.until === undefined ? '' : spell(Date.parse(override.until) - Date.now()),
    searched: ({ name, inForce, configured, match }) => [name, inForce, configured, match],
    onSort: (psort) => go({ psort }),
  })
  const senders = new Table<SenderJson>({
    ...{ label: 'Senders', columns: senderColumns },
    keyOf: ({ name }) => name,
    hrefOf: ({ name }) => hrefOfSender(name),
    stampOf: ({ lastSeen = '', retryDelays, pin }) =>
      [ago(lastSeen), pin?.by, pin && untilOf(pin.until), ...retryDelays].join(' '),
    searched: ({ name, strategy, why, pin }) => [name, strategy, why, pin && `pinned ${pin.by}`],
    onSort: (sort) => go({ sort }),
    sort: '-last',
  })
  const [peersNotice, sendersNotice] = [new Notice(), new Notice()]
  const total = el('span', { class: 'count' })
  const close = (): void => go({ peer: '', sender: '' })
  const aside = new Aside('Peer class or sender', close)
  let drawn = ''
  root.append(
    el(
      'div',
      { class: 'list-and-aside' },
      el(
        'div',
        {},
        bar('Peer classes', filter),
        peersNotice.element,
        peers.element,
        bar(['Senders ', total]),
        sendersNotice.element,
        senders.element,
      ),
      aside.element,
    ),
  )

  const openAside = (state: Place['state']): void => {
    const [peerName, senderName] = [state.get('peer'), state.get('sender')]
    const peer = sources.peers.state.value?.peers.find(({ name }) => name === peerName)
    const sender = sources.senders.state.value?.senders.find(({ name }) => name === senderName)
    if (peerName === undefined && senderName === undefined) {
      drawn = ''
      aside.hide()
      return
    }
    // A form that somebody fills in is not drawn again under their hands.
    const stamp = JSON.stringify([peerName, senderName, peer, sender])
    if (stamp === drawn) return
    drawn = stamp
    if (peer !== undefined) aside.show(`peer ${peer.name}`, peerParts(peer, { ...context, close }))
    else if (senderName !== undefined)
      aside.show(`sender ${senderName}`, senderParts(senderName, sender, { ...context, close }))
  }
  const draw = (): void => {
    if (place === undefined) return
    const { state } = place
    const q = state.get('q') ?? ''
    peers.element.hidden = !peersNotice.of(sources.peers.state)
    peers.show({
      rows: sources.peers.state.value?.peers ?? [],
      ...{ sort: state.get('psort'), filter: q, selected: state.get('peer') },
      empty: 'There is no peer class.',
    })
    senders.element.hidden = !sendersNotice.of(sources.senders.state)
    const told = sources.senders.state.value
    const shown = senders.show({
      rows: told?.senders ?? [],
      ...{ sort: state.get('sort'), filter: q, selected: state.get('sender') },
      empty:
        'Nothing was learned yet. Rcptwise learns of a sender when it is deferred for the first time, with the strategy auto.',
    })
    total.textContent = told === undefined ? '' : `${shown}${told.more ? '+' : ''}`
    openAside(state)
  }
  sources.peers.watch(draw, signal)
  sources.senders.watch(draw, signal)
  return (next) => {
    place = next
    setField(filter, next.state.get('q'))
    draw()
  }
}
