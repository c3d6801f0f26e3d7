/**
 * `rcptwise drain`: no new split, and who is waited for until the server behind may have its port
 * back. Ends when nobody has a message whose sender will offer it to them again.
 */
import { setTimeout as pause } from 'node:timers/promises'
import type { Command } from 'commander'
import { durationForm, parseDuration } from '../admin/duration.ts'
import { beginDrain, endDrain, getDrain } from '../admin/operations/drain.ts'
import type { DrainJson } from '../admin/schemas.ts'
import { visible } from '../log/visible.ts'
import {
  type AdminCommand,
  type ReasonOption,
  runAdminCommand,
  withAdminOptions,
  withReason,
} from './admin-client.ts'
import { CommandFailure } from './command-failure.ts'
import { endings } from './endings.ts'
import { age, elapsed, table } from './table.ts'

interface DrainOptions extends ReasonOption {
  readonly wait: boolean
  readonly timeout?: string
  readonly every: string
  readonly undo?: true
}

export function register(program: Command): void {
  withReason(withAdminOptions(program.command('drain')))
    .description(
      'begin no new split, and wait until Rcptwise can be taken away without a message that somebody gets twice',
    )
    .option(
      '--no-wait',
      `say who is waited for, and end; exit code ${endings.partly.code} if anybody is`,
    )
    .option(
      '--timeout <duration>',
      `wait so long at most, then end with exit code ${endings.partly.code}`,
    )
    .option('--every <duration>', 'look again after this time', '5s')
    .option('--undo', 'begin new splits again')
    .action(async (options: DrainOptions, command: Command) => {
      await runAdminCommand(command, async (admin) =>
        (await drain(admin, options)) ? 'done' : 'partly',
      )
    })
}

/** False: somebody is still waited for. */
async function drain(admin: AdminCommand, options: DrainOptions): Promise<boolean> {
  const everyMs = durationOf('--every', options.every)
  const timeoutMs =
    options.timeout === undefined ? Infinity : durationOf('--timeout', options.timeout)
  if (options.undo === true) {
    const answer = await admin.request(endDrain, { query: { reason: options.reason } })
    admin.print(answer, () => ['splits are begun again', ...late(answer)].map(visible).join('\n'))
    return true
  }
  const first = await admin.request(beginDrain, { query: { reason: options.reason } })
  const state = options.wait
    ? await untilDone(admin, first, { everyMs, until: Date.now() + timeoutMs })
    : first
  admin.print(state, () => describe(state, Date.now()))
  return state.done
}

function durationOf(option: string, text: string): number {
  const ms = parseDuration(text)
  if (ms === undefined)
    throw new CommandFailure('usage', `${option}: ${JSON.stringify(text)} is not ${durationForm}`)
  return ms
}

/**
 * Two looks in a row: a message that was on its way when the draining began may have become a split
 * behind the first one.
 */
async function untilDone(
  admin: AdminCommand,
  first: DrainJson,
  { everyMs, until }: { readonly everyMs: number; readonly until: number },
): Promise<DrainJson> {
  let state = first
  let looks = state.done ? 1 : 0
  let told = ''
  while (looks < 2 && Date.now() < until) {
    told = tell(admin, state, told)
    await pause(Math.min(everyMs, Math.max(0, until - Date.now())))
    try {
      state = await admin.request(getDrain)
    } catch (error) {
      // serve may be started anew: the ledger keeps that it drains.
      if (!(error instanceof CommandFailure)) throw error
      looks = 0
      admin.note(`asking again: ${error.message}`)
      continue
    }
    if (!state.draining)
      throw new CommandFailure('failed', 'somebody has ended the draining (--undo)')
    looks = state.done ? looks + 1 : 0
  }
  return looks < 2 ? { ...state, done: false } : state
}

/** What has changed since it was told last. */
function tell(admin: AdminCommand, state: DrainJson, before: string): string {
  const what = [state.held, state.open, ...state.splits.map(({ id }) => id)].join()
  if (what !== before) admin.note(`${describe(state, Date.now())}\n`)
  return what
}

const late = ({ notYet = [] }: DrainJson): string[] =>
  notYet.map((where) => `not in force yet: ${where}`)

function describe(state: DrainJson, now: number): string {
  const { open, held, all, durable, shared, splits, done } = state
  const count = (number: number, of: string): string => `${number} ${of}${number === 1 ? '' : 's'}`
  const lines = [
    ...late(state),
    ...(durable ? [] : ['the ledger is away: what is open is not all known']),
    ...(all ? [] : ['more splits are open than were looked at']),
    ...(shared
      ? ['this is about all front-ends that share the ledger: none of them begins a split']
      : []),
    held === 0
      ? `nobody has a message whose sender will offer it again (${count(open, 'open split')})`
      : `${count(held, 'message')} of ${count(open, 'open split')}: somebody has it, and its sender will offer it again`,
    ...(done ? ['your mail server may have its port back'] : []),
  ].map(visible)
  if (splits.length === 0) return lines.join('\n')
  const rows = splits.map((split) => [
    split.id,
    split.from === '' ? '<>' : split.from,
    split.client ?? '-',
    named(split.held),
    named(split.waiting),
    age(Date.parse(split.lastAttemptAt), now),
    windowOf(split),
  ])
  const shown = table(['SPLIT', 'FROM', 'CLIENT', 'HAVE IT', 'WAITING', 'LAST', 'BACK AFTER'], rows)
  return [...lines, shown].join('\n')
}

function named(addresses: readonly string[]): string {
  const [first = '-', ...others] = addresses
  return others.length === 0 ? first : `${first} and ${others.length} more`
}

/** As messages of this sender were seen to. */
function windowOf({ comesBack }: DrainJson['splits'][number]): string {
  if (comesBack === undefined) return 'not known'
  const { fromSeconds, toSeconds } = comesBack
  const from = elapsed(0, fromSeconds * 1000)
  return toSeconds === undefined ? `${from} or more` : `${from} to ${elapsed(0, toSeconds * 1000)}`
}
