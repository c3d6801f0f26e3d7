/**
 * `rcptwise splits [ID]`: messages being answered in parts, who waits and since when, `--missing`
 * whom nobody offers again; `splits forgive ID` ends one.
 */
import type { Command } from 'commander'
import { forgiveSplit, getSplit, listSplits } from '../admin/operations/splits.ts'
import type { SplitJson } from '../admin/schemas.ts'
import { visible } from '../log/visible.ts'
import { type ReasonOption, runAdminCommand, withAdminOptions, withReason } from './admin-client.ts'
import { describeKept } from '../split/kept-reply.ts'
import { describeReason } from '../verdict/reason.ts'
import { age, elapsed, facts, table } from './table.ts'

interface Listed {
  readonly splits: readonly SplitJson[]
  readonly more: boolean
}

interface ListOptions {
  readonly limit?: string
  readonly missing?: boolean
}

interface ForgiveOptions extends ReasonOption {
  readonly dryRun?: true
}

export function register(program: Command): void {
  const splits = withAdminOptions(program.command('splits'))
    .description('show the open splits, or one of them')
    .argument('[id]', 'the id of a split, as in the log')
    .option('--limit <count>', 'how many to show, up to 1000 (default: 100)')
    .option(
      '--missing',
      'show only splits with recipients whom nobody offers again: their mail may be lost',
    )
    .action(async (id: string | undefined, options: ListOptions, command: Command) => {
      await runAdminCommand(command, async ({ request, print }) => {
        if (id !== undefined) {
          const split = await request(getSplit, { params: { id } })
          print(split, () => describeSplit(split, Date.now()))
          return 'done'
        }
        const listed = await request(listSplits, {
          query: { limit: options.limit, missing: options.missing === true ? 'true' : undefined },
        })
        print(listed, () =>
          (options.missing === true ? missingTable : splitsTable)(listed, Date.now()),
        )
        return 'done'
      })
    })

  withReason(withAdminOptions(splits.command('forgive <id>')))
    .description(
      'let a message through unsplit from its next attempt on, and say what then becomes of each recipient',
    )
    .option('--dry-run', 'only say what would become of each recipient')
    .action(async (id: string, options: ForgiveOptions, command: Command) => {
      await runAdminCommand(command, async ({ request, print }) => {
        const before = await request(getSplit, { params: { id } })
        if (options.dryRun === true) {
          print(before, () => fatesTable(before))
          return 'done'
        }
        const split = await request(forgiveSplit, {
          params: { id },
          query: { reason: options.reason },
        })
        print(split, () =>
          [
            visible(`${split.id} is forgiven: its next attempt goes through unsplit`),
            fatesTable(before),
          ].join('\n\n'),
        )
        return 'done'
      })
    })
}

const sender = (split: SplitJson): string => (split.from === '' ? '<>' : split.from)
const isWaiting = (recipient: SplitJson['recipients'][number]): boolean =>
  recipient.state !== 'answered'

function splitsTable({ splits, more }: Listed, now: number): string {
  if (splits.length === 0) return 'no open splits'
  const rows = splits.map((split) => [
    split.id,
    age(Date.parse(split.startedAt), now),
    age(Date.parse(split.lastAttemptAt), now),
    split.peer,
    split.forgiven ? 'forgiven' : split.strategy,
    sender(split),
    namedWaiting(split),
  ])
  const shown = table(['ID', 'AGE', 'LAST', 'PEER', 'STRATEGY', 'FROM', 'WAITING'], rows)
  return more ? `${shown}\n... and more: --limit COUNT shows up to 1000` : shown
}

/**
 * One line a recipient. `refused`: would have been told no, so that only its sender misses
 * something.
 */
function missingTable({ splits, more }: Listed, now: number): string {
  const rows = splits.flatMap((split) =>
    split.recipients
      .filter(({ missingSince }) => missingSince !== undefined)
      .map(({ address, state }) => [
        address,
        state === 'refused' ? 'refusal not told' : 'mail may be lost',
        sender(split),
        split.client ?? '-',
        split.peer,
        split.strategy,
        `${elapsed(Date.parse(split.lastAttemptAt), now)} ago`,
        split.id,
        split.messageId ?? '-',
      ]),
  )
  if (rows.length === 0) return 'nobody is missing'
  const shown = table(
    [
      'RECIPIENT',
      'WHAT',
      'FROM',
      'CLIENT',
      'PEER',
      'STRATEGY',
      'LAST ATTEMPT',
      'SPLIT',
      'MESSAGE ID',
    ],
    rows,
  )
  return more ? `${shown}\n... and more: --limit COUNT shows up to 1000` : shown
}

const fatesTable = ({ ifForgiven = [] }: SplitJson): string =>
  table(
    ['RECIPIENT', 'AT THE NEXT ATTEMPT'],
    ifForgiven.map(({ address, what }) => [address, what]),
  )

/** The first who waits, and how many more. */
function namedWaiting({ recipients }: SplitJson): string {
  const [first, ...others] = recipients.filter(isWaiting)
  if (first === undefined) return '-'
  return others.length === 0 ? first.address : `${first.address} and ${others.length} more`
}

/** The refusal that is kept for them, or the answer that they have. */
function replyOf({ reply, answer }: SplitJson['recipients'][number]): string {
  if (answer === undefined) return reply === undefined ? '-' : `${reply} (not told yet)`
  return answer.at === undefined ? describeKept(answer) : `${describeKept(answer)} (${answer.at})`
}

function describeSplit(split: SplitJson, now: number): string {
  const about = facts([
    ['split', split.id],
    [
      'status',
      split.forgiven && split.status === 'open'
        ? 'open, forgiven: goes through at its next attempt'
        : split.status,
    ],
    ['from', sender(split)],
    ['message id', split.messageId ?? 'not seen yet'],
    ['peer', split.peer],
    ['strategy', split.strategy],
    ['opened by', split.openedBy],
    ['began', `${split.startedAt} (${elapsed(Date.parse(split.startedAt), now)} ago)`],
    [
      'last attempt',
      `${split.lastAttemptAt} (${elapsed(Date.parse(split.lastAttemptAt), now)} ago)`,
    ],
    ...(split.closedAt === undefined ? [] : [['ended', split.closedAt] as const]),
    ['forced retries', String(split.forcedRetries)],
    ['attempts in vain', String(split.idleAttempts)],
  ])
  const recipients = table(
    ['RECIPIENT', 'STATE', 'DEFERRALS', 'LAST', 'WHY', 'TRANSACTION', 'REPLY'],
    split.recipients.map((recipient) => [
      recipient.address,
      recipient.state,
      String(recipient.deferrals),
      recipient.deferredAt === undefined
        ? '-'
        : `${elapsed(Date.parse(recipient.deferredAt), now)} ago`,
      recipient.reason === undefined ? '-' : describeReason(recipient.reason),
      recipient.transaction ?? '-',
      replyOf(recipient),
    ]),
  )
  return `${about}\n\n${recipients}`
}
