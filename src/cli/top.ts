/** `rcptwise top`: what happens now, by class of senders; again and again on a terminal. */
import { setTimeout as pause } from 'node:timers/promises'
import type { Command } from 'commander'
import { durationForm, parseDuration } from '../admin/duration.ts'
import { type AdminCommand, runAdminCommand, withAdminOptions } from './admin-client.ts'
import { CommandFailure } from './command-failure.ts'
import { stateInWords } from './status/in-words.ts'
import { type Look, look } from './status/read.ts'
import { type Rates, ratesBetween } from './status/rates.ts'
import { table } from './table.ts'

interface TopOptions {
  readonly every: string
  readonly json?: boolean
}

export function register(program: Command): void {
  withAdminOptions(program.command('top'))
    .description(
      'show what happens now, for each class of senders; on a terminal until you press Ctrl-C, elsewhere once',
    )
    .option('--every <duration>', 'look again after this time', '2s')
    .action(async (options: TopOptions, command: Command) => {
      await runAdminCommand(command, async (admin) => await top(admin, options))
    })
}

async function top(admin: AdminCommand, { every, json = false }: TopOptions): Promise<void> {
  const everyMs = parseDuration(every)
  if (everyMs === undefined)
    throw new CommandFailure('usage', `--every: ${JSON.stringify(every)} is not ${durationForm}`)
  const isLive = process.stdout.isTTY && !json
  let before = await look(admin)
  do {
    await pause(everyMs)
    const now = await look(admin)
    const rates = ratesBetween(before, now)
    if (isLive) process.stdout.write(clearScreen)
    admin.print({ ...now.state, rates }, () => screen(now, rates))
    before = now
  } while (isLive)
}

const clearScreen = '\u001b[H\u001b[2J'

const screen = ({ at, state }: Look, rates: readonly Rates[]): string =>
  [stateInWords(state, at), ratesTable(rates)].join('\n\n')

const ratesTable = (rates: readonly Rates[]): string =>
  table(
    ['PEER', 'MESSAGES/S', 'RECIPIENTS/S', 'FORCED/S', 'SPLITS', 'CLIENTS'],
    rates.map(({ peer, messages, recipients, forcedRetries, splitsOpen, sessionsOpen }) => [
      peer,
      messages.toFixed(1),
      recipients.toFixed(1),
      forcedRetries.toFixed(1),
      String(splitsOpen),
      String(sessionsOpen),
    ]),
  )
