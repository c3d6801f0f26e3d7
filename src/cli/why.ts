/**
 * `rcptwise why ADDRESS`: what became of messages, attempt by attempt, and why. Reads the history
 * that the configuration names, or asks the front-ends that are named.
 */
import { Option, type Command } from 'commander'
import { searchHistory } from '../admin/operations/history.ts'
import { parseDuration, durationForm } from '../admin/duration.ts'
import { answerIn, historyJson } from '../app/history-answer.ts'
import type { Answer } from '../history/question.ts'
import { describeMessage, timeOf } from '../history/in-words.ts'
import { messagesOf } from '../history/messages-of.ts'
import { visible } from '../log/visible.ts'
import { explainReason } from '../verdict/reason-in-words.ts'
import { askAdmin } from './admin-client.ts'
import { carryOut, CommandFailure } from './command-failure.ts'
import type { Ending } from './endings.ts'
import { configured, withConfigOptions } from './configured.ts'
import { askHistoryFile, type Told } from './history-file.ts'
import { elapsed, sentences } from './table.ts'

interface WhyOptions {
  readonly from?: string
  readonly messageId?: string
  readonly client?: string
  readonly split?: string
  readonly queueId?: string
  readonly since?: string
  readonly limit: string
  readonly server?: readonly string[]
  readonly tokenFile?: string
  readonly history?: string
  readonly json?: true
}

export function register(program: Command): void {
  const command = withConfigOptions(program.command('why'))
    .description('what became of messages: each attempt, what each recipient was told, and why')
    .argument('[address]', 'of a recipient or of the sender')
    .option('--from <address>', 'only messages of this sender')
    .option('--message-id <id>', 'only the message with this Message-ID')
    .option('--client <address>', 'only messages that this client has sent')
    .option('--split <id>', 'only the message of this split')
    .option('--queue-id <id>', 'only the message that your server has under this id')
    .option('--since <duration>', 'only attempts that are no older, such as 2h')
    .addOption(new Option('--limit <count>', 'attempts to look for, up to 1000').default('100'))
    .option('--server <url...>', 'ask these front-ends over their admin API, instead of the file')
    .option('--token-file <file>', 'file with a token of the admin API (admin.tokens)')
    .option('--history <file>', 'the file of the history, instead of the one of the configuration')
    .option('--json', 'as JSON')
  command.action(async (address: string | undefined, options: WhyOptions) => {
    await carryOut(command, async () => await why(command, address, options))
  })
}

async function why(
  command: Command,
  address: string | undefined,
  options: WhyOptions,
): Promise<Ending> {
  const { from, messageId, client, split, queueId } = options
  const query = { address, from, messageId, client, split, queueId }
  if (Object.values(query).every((value) => value === undefined))
    throw new CommandFailure('usage', 'say an address, or one of the options that name a message')
  const limit = Number(options.limit)
  if (!Number.isInteger(limit) || limit < 1 || limit > 1000)
    throw new CommandFailure('usage', '--limit: expected a number from 1 to 1000')
  const sinceMs = options.since === undefined ? undefined : parseDuration(options.since)
  if (options.since !== undefined && sinceMs === undefined)
    throw new CommandFailure('usage', `--since: expected ${durationForm}`)
  const { told, silent } =
    options.server === undefined
      ? {
          told: [askHistoryFile(fileOf(command, options), { ...query, limit, sinceMs })],
          silent: [],
        }
      : await askEach(options.server, async (server) => {
          const { tokenFile } = options
          const asked = { query: { ...query, since: options.since, limit: String(limit) } }
          const said = await askAdmin({ server, tokenFile }, searchHistory, asked)
          return { name: server, answer: answerIn(said), awaited: said.awaited }
        })
  const json = (): string =>
    JSON.stringify(
      told.map(({ name, answer, awaited }) => ({ name, ...historyJson(answer, awaited) })),
      undefined,
      2,
    )
  const text = options.json === true ? json() : sentences(inWords(told, Date.now()))
  command.configureOutput().writeOut?.(`${text}\n`)
  for (const { message } of silent) command.configureOutput().writeErr?.(`error: ${message}\n`)
  if (silent.length > 0) return 'partly'
  return told.some(({ answer }) => answer.attempts.length > 0) ? 'done' : 'nothing'
}

/** Those that answer, and why the others do not. Where nobody does, that is the failure. */
async function askEach(
  servers: readonly string[],
  ask: (server: string) => Promise<Told>,
): Promise<{ readonly told: readonly Told[]; readonly silent: readonly CommandFailure[] }> {
  const asked = await Promise.all(
    servers.map(async (server) => {
      try {
        return await ask(server)
      } catch (error) {
        if (error instanceof CommandFailure && error.ending !== 'usage') return error
        throw error
      }
    }),
  )
  const silent = asked.filter((one) => one instanceof CommandFailure)
  const told = asked.filter((one): one is Told => !(one instanceof CommandFailure))
  const [first] = silent
  if (first !== undefined && told.length === 0) throw first
  return { told, silent }
}

/** Of a configuration that keeps a history. */
function fileOf(
  command: Command,
  { history }: WhyOptions,
): { readonly path: string; readonly ledger?: string } {
  if (history !== undefined) return { path: history }
  const config = configured(command)
  if (config.history === undefined)
    throw new CommandFailure('failed', 'the configuration keeps no history (history: off)')
  const { path } = config.history
  return config.ledger.kind === 'sqlite' ? { path, ledger: config.ledger.path } : { path }
}

/** Others have chosen texts of it: none of them begins a line, or does something to a terminal. */
const fit = <Value>(value: Value): Value =>
  JSON.parse(JSON.stringify(value), (_key, part: unknown) =>
    typeof part === 'string' ? visible(part) : part,
  ) as Value

export function inWords(all: readonly Told[], now: number): string {
  const told = fit(all)
  const answer = {
    attempts: told.flatMap(({ answer: { attempts } }) => attempts),
    closings: told.flatMap(({ answer: { closings } }) => closings),
  }
  const asked = new Set(
    told.flatMap(({ answer: { asked: names } }) => names.map((name) => name.toLowerCase())),
  )
  const open = new Map(
    told.flatMap(({ awaited }) =>
      awaited.map(
        ({ split, recipients }) => [split, recipients.map((each) => each.toLowerCase())] as const,
      ),
    ),
  )
  const words = {
    reason: explainReason,
    elapsed,
    awaited: (split: string) => open.get(split),
  }
  const messages = messagesOf(answer).map((message) => describeMessage(message, asked, words))
  const notes = told.flatMap(({ name, answer: of }) =>
    notesOn(of, told.length > 1 ? `${name}: ` : '', now),
  )
  const found = messages.length === 0 ? ['The history knows no such message.'] : messages
  return [...found, ...(notes.length === 0 ? [] : [notes.join('\n')])].join('\n\n')
}

/** What may be missing. */
function notesOn(
  { gaps, more, keptSince, addresses, unwritten = 0 }: Answer,
  of: string,
  now: number,
): string[] {
  const kept =
    keptSince === undefined
      ? 'The history has nothing yet.'
      : `The history goes back to ${timeOf(keptSince)} (${elapsed(keptSince, now)} ago).`
  return [
    `${of}${kept}`,
    ...(addresses === 'full'
      ? []
      : [
          `${of}The history keeps ${addresses === 'domain' ? 'domains alone' : 'hashes in place of addresses'}.`,
        ]),
    ...(more
      ? [
          `${of}There are more attempts than are shown: --limit, --since and the other options narrow it.`,
        ]
      : []),
    ...(unwritten === 0
      ? []
      : [
          `${of}${unwritten === 1 ? '1 attempt is' : `${unwritten} attempts are`} not in the history: Rcptwise can not write it now.`,
        ]),
    ...gaps.map((gap) => `${of}${gapInWords(gap)}`),
  ]
}

function gapInWords({ from, until, attempts, why: cause }: Answer['gaps'][number]): string {
  const when = `between ${timeOf(from)} and ${timeOf(until)}`
  if (cause === 'killed')
    return `Rcptwise was killed ${when}: what it had answered in the last moment before may be missing.`
  if (cause === 'removed' || cause === 'damaged')
    return `At ${timeOf(until)} the file of the history was ${cause}: what was in it is missing, and Rcptwise began a new one.`
  const count =
    attempts === undefined ? 'Attempts' : `${attempts} ${attempts === 1 ? 'attempt' : 'attempts'}`
  return `${count} ${when} ${attempts === 1 ? 'is' : 'are'} missing: Rcptwise could not write the history.`
}
