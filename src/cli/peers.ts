/**
 * `rcptwise peers`: the peer classes and the strategies in force; `peers learned`, `pin` and
 * `forget`: what `auto` knows of senders.
 */
import type { Command } from 'commander'
import { listPeers } from '../admin/operations/peers.ts'
import { forgetSender, listSenders, pinSender } from '../admin/operations/senders.ts'
import type { PeerJson, SenderJson } from '../admin/schemas.ts'
import { visible } from '../log/visible.ts'
import { type StrategyName, strategyNames } from '../strategy/names.ts'
import { type ReasonOption, runAdminCommand, withAdminOptions, withReason } from './admin-client.ts'
import { age, elapsed, table } from './table.ts'

interface PinOptions extends ReasonOption {
  readonly for?: string
}

interface LearnedSenders {
  readonly senders: readonly SenderJson[]
  readonly more: boolean
}

export function register(program: Command): void {
  const peers = withAdminOptions(program.command('peers'))
    .description(
      'show the peer classes and the strategy that applies to each; what Rcptwise has learned of senders',
    )
    .action(async (_options: unknown, command: Command) => {
      await runAdminCommand(command, async ({ request, print }) => {
        const answer = await request(listPeers)
        print(answer, () => peersTable(answer.peers, Date.now()))
      })
    })

  withAdminOptions(peers.command('learned'))
    .description(
      'show what was learned of senders, how auto serves them and why, the last changed first',
    )
    .option('--strategy <name>', `only those that are served so (${strategyNames.join(', ')})`)
    .action(async (options: { readonly strategy?: string }, command: Command) => {
      await runAdminCommand(command, async ({ request, print }) => {
        const answer = await request(listSenders, { query: { strategy: options.strategy } })
        print(answer, () => sendersTable(answer, Date.now()))
      })
    })

  withReason(withAdminOptions(peers.command('pin <sender> <strategy>')))
    .description(
      `serve a sender this way whatever was learned (${strategyNames.join(', ')}); auto: as learned again`,
    )
    .option('--for <duration>', 'take the pin away after this time, such as 30m, 2h or 1d')
    .action(async (sender: string, strategy: string, options: PinOptions, command: Command) => {
      const { reason, for: long } = options
      await runAdminCommand(command, async ({ request, print }) => {
        const answer = await request(pinSender, {
          params: { name: sender },
          body: { strategy: strategy as StrategyName | 'auto', for: long, reason },
        })
        print(answer, () => describeSender(sender, answer))
      })
    })

  withReason(withAdminOptions(peers.command('forget <sender>')))
    .description('forget what was learned of a sender; it is then new')
    .action(async (sender: string, { reason }: ReasonOption, command: Command) => {
      await runAdminCommand(command, async ({ request, print }) => {
        const answer = await request(forgetSender, { params: { name: sender }, query: { reason } })
        print(answer, () => visible(`${sender} is forgotten`))
      })
    })
}

const peersTable = (peers: readonly PeerJson[], now: number): string =>
  table(
    ['PEER', 'STRATEGY', 'SET FOR', 'CONFIGURED', 'SHADOW', 'DEFERS WITH', 'MATCHES'],
    peers.map((peer) => [
      peer.name,
      peer.inForce,
      peer.override === undefined ? '-' : leftOf(peer.override, now),
      peer.configured,
      peer.shadow ?? '-',
      `${peer.deferCode}, ${peer.retryHintSeconds} s`,
      peer.match,
    ]),
  )

/** For how long still; `strategy set` says by whom, too. */
const leftOf = ({ until }: NonNullable<PeerJson['override']>, now: number): string =>
  until === undefined ? 'till reset' : elapsed(now, Date.parse(until))

/** Such as `by admin, for 1h 59m more`. */
export function describeOverride(
  { by, until }: NonNullable<PeerJson['override']>,
  now: number,
): string {
  return `by ${by}, ${until === undefined ? 'until reset' : `for ${elapsed(now, Date.parse(until))} more`}`
}

function sendersTable({ senders, more }: LearnedSenders, now: number): string {
  if (senders.length === 0) return 'nothing was learned of any sender yet'
  const rows = senders.map((sender) => {
    const { name, strategy, lessons, lastSeen } = sender
    const count = (lesson: string): string => String(lessons[lesson] ?? 0)
    return [
      name,
      strategy,
      count('messages'),
      `${count('returned')} of ${count('deferred')}`,
      usualDelay(lessons),
      lastSeen === undefined ? '-' : age(Date.parse(lastSeen), now),
      [whyOf(sender, now), ...besides(sender)].join('; '),
    ]
  })
  const shown = table(['SENDER', 'SERVED', 'MAIL', 'CAME BACK', 'WITHIN', 'LAST', 'WHY'], rows)
  return more ? `${shown}\n... and more: --strategy NAME shows only some` : shown
}

const lessonWords: readonly (readonly [string, string])[] = [
  ['sameConnection', 'in the same connection'],
  ['elsewhere', 'at another MX'],
  ['cutOff', 'cut off'],
  ['missing', 'missing'],
  ['failed', 'failed'],
]

function whyOf({ why, pin }: Pick<SenderJson, 'why' | 'pin'>, now: number): string {
  if (pin === undefined) return why
  const left = pin.until === undefined ? '' : `, for ${elapsed(now, Date.parse(pin.until))} more`
  return `pinned by ${pin.by}${left}`
}

/** What else was counted, if it was. */
const besides = ({ forcedRetries, lessons }: SenderJson): readonly string[] => [
  ...(forcedRetries === 0 ? [] : [`${forcedRetries} forced retries`]),
  ...lessonWords.flatMap(([lesson, words]) => {
    const count = lessons[lesson] ?? 0
    return count === 0 ? [] : [`${count} ${words}`]
  }),
]

const delayWords: readonly (readonly [string, string])[] = [
  ['within1m', '1m'],
  ['within5m', '5m'],
  ['within15m', '15m'],
  ['within1h', '1h'],
  ['within4h', '4h'],
  ['later', '> 4h'],
]

/** The time within which half of its returns came. */
function usualDelay(lessons: SenderJson['lessons']): string {
  const all = delayWords.reduce((sum, [lesson]) => sum + (lessons[lesson] ?? 0), 0)
  let seen = 0
  for (const [lesson, words] of delayWords) {
    seen += lessons[lesson] ?? 0
    if (seen > 0 && seen * 2 >= all) return words
  }
  return '-'
}

function describeSender(
  sender: string,
  { strategy, why = '', pin, notYet = [] }: Partial<SenderJson>,
): string {
  const served =
    strategy === undefined
      ? `nothing is known of ${sender}`
      : `${sender}: ${strategy} (${whyOf({ why, pin }, Date.now())})`
  return [served, ...notYet.map((where) => `not in force yet: ${where}`)].map(visible).join('\n')
}
