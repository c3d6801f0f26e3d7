/** How a `serve` is, on one screen: what wants somebody's attention is in colour. */
import { paint } from '../../log/colours.ts'
import { visible } from '../../log/visible.ts'
import { elapsed, facts } from '../table.ts'
import type { State } from './state.ts'

export function stateInWords(state: State, nowMs: number): string {
  const since = (seconds: number | undefined): string =>
    seconds === undefined ? '' : elapsed(seconds * 1000, nowMs)
  const { mail, splits, servers, judges, sources, strategies, ledger, history, workers } = state
  const rows: readonly (readonly [string, string, boolean?])[] = [
    ['state', stateLine(state), !state.ready],
    [
      'mail',
      `${counted(mail.messages, 'message')} in ${since(state.startedAt)}; ${counted(mail.sessionsOpen, 'client')} connected`,
    ],
    ['recipients', counts(mail.recipients)],
    ['forced retries', `${splits.forcedRetries}; ${counted(splits.open, 'split')} open`],
    [
      'missing',
      `${counted(splits.missing, 'recipient')}${splits.missing > 0 ? ': rcptwise splits --missing' : ''}`,
      splits.missing > 0,
    ],
    [
      'servers',
      listed(servers.map(({ server, up }) => `${server} ${up ? 'up' : 'DOWN'}`)),
      servers.some(({ up }) => !up),
    ],
    [
      'judges',
      listed(
        judges.map(
          ({ judge, serversDown }) =>
            `${judge} ${serversDown === 0 ? 'up' : `DOWN (${counted(serversDown, 'server')})`}`,
        ),
      ),
      judges.some(({ serversDown }) => serversDown > 0),
    ],
    [
      'sources',
      listed(
        sources.map(
          ({ source, failures }) =>
            `${source} ${failures === 0 ? 'never failed' : `failed for ${counted(failures, 'recipient')}`}`,
        ),
      ),
      sources.some(({ failures }) => failures > 0),
    ],
    [
      'strategies',
      listed(Object.entries(strategies).map(([peer, strategy]) => `${peer} ${strategy}`)),
    ],
    [
      'ledger',
      ledger.durable ? 'is written' : 'IN MEMORY ONLY: a restart forgets it',
      !ledger.durable,
    ],
    [
      'history',
      history.unwritten === 0
        ? 'is written'
        : `${counted(history.unwritten, 'message')} NOT WRITTEN`,
      history.unwritten > 0,
    ],
    ['configuration', configurationLine(state, since), state.configuration.kept],
    [
      'workers',
      `${workers.lost} lost, ${workers.hung} hung since the start`,
      workers.lost + workers.hung > 0,
    ],
  ]
  const width = Math.max(...rows.map(([name]) => name.length))
  return rows
    .map(([name, value, wrong = false]) => {
      const row = facts([[name.padEnd(width), value]])
      return wrong ? paint('yellow', row) : row
    })
    .join('\n')
}

function stateLine({ ready, reasons, draining, observing }: State): string {
  const more = [
    ...(observing ? ['it only observes'] : []),
    ...(draining ? ['it drains: no new split is begun'] : []),
  ]
  const words = ready ? 'takes mail' : `NOT READY, mail gets 451: ${reasons.join('; ')}`
  return [words, ...more].join('; ')
}

const configurationLine = (
  { configuration }: State,
  since: (seconds: number | undefined) => string,
): string =>
  configuration.kept
    ? `KEPT: the last one is wrong, and that of ${since(configuration.loadedAt)} ago is in use`
    : `in use for ${since(configuration.loadedAt)}`

export const counted = (count: number, what: string): string =>
  `${count} ${what}${count === 1 ? '' : 's'}`

const counts = (numbers: Readonly<Record<string, number>>): string =>
  listed(Object.entries(numbers).map(([word, count]) => `${word} ${count}`))

const listed = (words: readonly string[]): string =>
  words.length === 0 ? 'none' : visible(words.join(', '))
