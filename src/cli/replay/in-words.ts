/** A replay for people at a terminal, no wider than 80 columns. */
import type { Replayed } from '../../app/replay.ts'
import { visible } from '../../log/visible.ts'
import { delayOf, type SenderSum, type StrategySum } from '../../past/tally.ts'
import { readable } from '../../smtp/octets.ts'
import { elapsed, table } from '../table.ts'
import { leftOutInWords, notesOf } from './notes.ts'

/** Senders that are named. */
const sendersShown = 10
const width = 80

export function replayInWords(replayed: Replayed): string {
  const { tally, counts } = replayed
  return [
    readInWords(replayed),
    ...(counts.counted === 0
      ? ['Nothing can be said: no message has a client, a recipient of yours and a score.']
      : [
          dividedInWords(replayed),
          table(headings, tally.strategies.map(strategyRow)),
          meanings,
          ...sendersInWords(replayed),
        ]),
    notesOf(replayed).join('\n'),
  ]
    .filter((part) => part !== '')
    .join('\n\n')
}

const day = (at: number): string => new Date(at).toISOString().slice(0, 10)

function readInWords({ read, counts, unfinished }: Replayed): string {
  const { files, lines, from, until, unread, shown } = read
  const when = from === undefined || until === undefined ? '' : `, ${day(from)} to ${day(until)}`
  return [
    `Read      ${plural(files, 'file')}, ${plural(lines, 'line')}${when}`,
    ...(unread === 0 ? [] : [`          ${unread} can't be read:`]),
    ...shown.map(({ file, line, text }) =>
      `            ${place(file, line)}: ${visible(readable(text))}`.slice(0, width),
    ),
    `Messages  ${counts.messages}, and ${counts.counted} count below`,
    ...leftOutInWords(counts.leftOut, unfinished).map((line) => `          ${line}`),
  ].join('\n')
}

const place = (file: string, line: number | undefined): string => {
  const name = visible(file.slice(file.lastIndexOf('/') + 1))
  return line === undefined ? name : `${name}, line ${line}`
}

export const plural = (count: number, what: string): string =>
  `${count} ${what}${count === 1 ? '' : 's'}`

function dividedInWords({
  tally: { divided },
  counts: { counted, refusedThen },
}: Replayed): string {
  const share = ((100 * divided) / counted).toFixed(2)
  return [
    `Divided   ${divided} of ${counted} (${share} %): some recipients refuse what others take`,
    ...(refusedThen === 0 ? [] : [`          your server has refused ${refusedThen} for everyone`]),
  ].join('\n')
}

const headings = [
  ...['strategy', 'retries', 'split', 'refused', 'despite', 'reports', 'delayed'],
  ...['half', '95 %', 'last'],
]

const meanings = [
  'retries: recipients told to come again only to split; split: messages that come',
  'again; refused: recipients whose refusal the sender hears; despite: recipients',
  'who would refuse the mail, and get it; reports: refusals told in a report (DSN);',
  'delayed: recipients who take the mail and get it only after a retry; half, 95 %,',
  'last: how late these have it at most.',
].join('\n')

const strategyRow = (sum: StrategySum): readonly string[] => [
  sum.strategy,
  ...[sum.forcedRetries, sum.splits, sum.refused, sum.despite].map(String),
  ...[sum.reported, sum.delayed].map(String),
  ...[0.5, 0.95, 1].map((share) => wait(delayOf(sum, share))),
]

export const wait = (seconds: number | undefined): string =>
  seconds === undefined ? '-' : elapsed(0, seconds * 1000).replace(' ', '')

/** Those whose mail would be late for most. */
export function mostDelayed({ tally }: Replayed, most: number): readonly SenderSum[] {
  const weight = ({ delayed, forcedRetries }: SenderSum): number =>
    delayed.group + forcedRetries.late
  return [...tally.senders.values()]
    .toSorted((one, other) => weight(other) - weight(one))
    .slice(0, most)
}

function sendersInWords(replayed: Replayed): readonly string[] {
  const senders = mostDelayed(replayed, sendersShown)
  if (senders.length === 0) return []
  const rows = senders.map((sum) => [
    cut(visible(readable(sum.sender)), 20),
    String(sum.divided),
    ...[sum.forcedRetries.late, sum.forcedRetries.group, sum.delayed.group].map(String),
    wait(sum.longest.group === 0 ? undefined : sum.longest.group),
    cut(sum.times.name, 14),
  ])
  const titles = ['sender', 'divided', 'late', 'group', 'delayed', 'last', 'retries like']
  const count = replayed.tally.senders.size
  const shown = count > senders.length ? ` (${senders.length} of ${count})` : ''
  return [
    `Senders that would be split${shown}: retries with late and with group,
with group how many recipients get their mail later, and the last of them when`,
    table(titles, rows),
  ]
}

const cut = (text: string, most: number): string =>
  text.length <= most ? text : `${text.slice(0, most - 1)}…`
