/** The outcomes as the tables of docs/strategies.md: a row a sender, a column a strategy. */
import type { ConfigurableStrategy } from '../../src/strategy/names.ts'
import type { Outcome } from './simulate.ts'
import type { TrafficOutcome } from './traffic.ts'

export interface Cell extends Outcome {
  readonly sender: string
  readonly strategy: ConfigurableStrategy
}

/** From sorted values: the smallest one that at least `share` of them do not exceed. */
export const quantile = (sorted: readonly number[], share: number): number =>
  sorted[Math.max(0, Math.ceil(sorted.length * share) - 1)] ?? 0

const percent = (part: number, whole: number): string => {
  const share = whole === 0 ? 0 : (100 * part) / whole
  return share === 0 ? '0' : share < 0.1 ? '<0.1 %' : `${share.toFixed(1)} %`
}

function duration(ms: number): string {
  const seconds = Math.round(ms / 1000)
  if (seconds < 120) return `${seconds} s`
  const minutes = Math.round(seconds / 60)
  return minutes < 120 ? `${minutes} min` : `${(minutes / 60).toFixed(1)} h`
}

const quantities: readonly { readonly title: string; readonly of: (cell: Cell) => string }[] = [
  {
    title: 'Forced retries for each message (recipients told to come again only to split)',
    of: ({ forcedRetries, messages }) => (forcedRetries / messages).toFixed(2),
  },
  {
    title: 'Delay of accepted mail: half of the recipients have it within; 95 %; all',
    of: ({ delays }) => [0.5, 0.95, 1].map((share) => duration(quantile(delays, share))).join('; '),
  },
  {
    title:
      'Messages that divide their recipients and reached someone who refuses them, marked as spam',
    of: ({ through, dividing }) =>
      through === 0 ? '0' : `${(through / dividing).toFixed(2)} each`,
  },
  {
    title:
      'Given up: recipients who take the message, of a program that was told of the failure and makes no second attempt',
    of: ({ givenUp, delays }) => percent(givenUp, givenUp + delays.length),
  },
  {
    title: 'Lost; bounced although wanted; doubled',
    of: ({ lost, bounced, doubled }) => `${lost}; ${bounced}; ${doubled}`,
  },
]

const span = (numbers: readonly number[]): string => {
  const [least, most] = [Math.min(...numbers), Math.max(...numbers)]
  return least === most ? String(least) : `${least} to ${most}`
}

export interface TrafficCell extends TrafficOutcome {
  readonly sender: string
  readonly everyMs: number
  readonly sizes: 'alike' | 'different'
}

/**
 * What a guess costs, Markdown: a row a sender; look-alikes are clean mail of the same size, one a
 * minute.
 */
export function trafficTable(cells: readonly TrafficCell[]): string {
  const isHard = ({ everyMs, sizes }: TrafficCell): boolean =>
    everyMs <= 60_000 && sizes === 'alike'
  const rows = [...new Set(cells.map(({ sender }) => sender))].map((sender) => {
    const own = cells.filter((cell) => cell.sender === sender)
    const parts = [own.filter((cell) => !isHard(cell)), own.filter(isHard)]
    const total = (part: readonly TrafficCell[], of: (cell: TrafficCell) => number): number =>
      part.reduce((sum, cell) => sum + of(cell), 0)
    return [
      sender,
      String(total(own, ({ clean }) => clean)),
      String(total(own, ({ delayed }) => delayed)),
      ...parts.map((part) =>
        (
          total(part, ({ wrongGuesses }) => wrongGuesses) / total(part, ({ refused }) => refused)
        ).toFixed(2),
      ),
      ...parts.map((part) => span(part.flatMap(({ attempts }) => attempts))),
      ...parts.map((part) =>
        percent(
          total(part, ({ told }) => told),
          total(part, ({ refused }) => refused),
        ),
      ),
    ]
  })
  const head = [
    ...[
      'sender',
      'clean messages',
      'recipients delayed by a guess',
      'wrong guesses per split',
      'with look-alikes',
    ],
    ...['attempts of a refusal', 'with look-alikes', 'refusals told', 'with look-alikes'],
  ]
  return [head, head.map(() => '---'), ...rows].map((row) => `| ${row.join(' | ')} |`).join('\n')
}

/** Markdown. */
export function tables(cells: readonly Cell[]): string {
  const senders = [...new Set(cells.map(({ sender }) => sender))]
  const strategies = [...new Set(cells.map(({ strategy }) => strategy))]
  const row = (values: readonly string[]): string => `| ${values.join(' | ')} |`
  return quantities
    .map(({ title, of }) => {
      const lines = senders.map((sender) => {
        const own = strategies.map((strategy) =>
          cells.find((one) => one.sender === sender && one.strategy === strategy),
        )
        return row([sender, ...own.map((cell) => (cell === undefined ? '' : of(cell)))])
      })
      const head = row(['sender', ...strategies.map((strategy) => `\`${strategy}\``)])
      return [
        `**${title}**`,
        '',
        head,
        row(['---', ...strategies.map(() => '---')]),
        ...lines,
      ].join('\n')
    })
    .join('\n\n')
}
