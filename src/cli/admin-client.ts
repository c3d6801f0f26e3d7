/**
 * How the commands talk to a running serve: its admin API, over HTTP, with good words for what goes
 * wrong.
 */
import { readFileSync } from 'node:fs'
import type { Command } from 'commander'
import type { z } from 'zod'
import type { Operation, TypedOperation } from '../admin/operation.ts'
import { failure } from '../admin/schemas.ts'
import { visible } from '../log/visible.ts'
import { carryOut, CommandFailure } from './command-failure.ts'
import type { Ending } from './endings.ts'
import { askOverSocket } from './over-socket.ts'

export const defaultAdminUrl = 'http://127.0.0.1:9225'
const timeLimitMs = 15_000

export interface AdminCommandOptions {
  readonly admin?: string
  readonly tokenFile?: string
  readonly json?: boolean
}

/** The options that every command of the admin API has. */
export const withAdminOptions = (command: Command): Command =>
  command
    .option(
      '--admin <url>',
      `address of the admin API, or unix:/path; also RCPTWISE_ADMIN (default: ${defaultAdminUrl})`,
    )
    .option('--token-file <file>', 'file with a token of the admin API (admin.tokens)')
    .option('--json', 'print the answer of the admin API as JSON')

export interface ReasonOption {
  readonly reason?: string
}

/** The option of each command that changes something. */
export const withReason = (command: Command): Command =>
  command.option('--reason <text>', 'why, in your words: it is in the log and in the audit log')

/** What an operation is asked: the parts of its path, its query and its body. */
export interface Asked<Of extends Operation> {
  readonly params?: z.input<Of['params']>
  readonly query?: { readonly [Name in keyof z.input<Of['query']>]: string | undefined }
  readonly body?: z.input<NonNullable<Of['body']>>
}

export type AnswerOf<Of extends Operation> = z.output<NonNullable<Of['answer']>>

export interface AdminCommand {
  readonly request: <Of extends Operation>(
    operation: Of,
    asked?: Asked<NoInfer<Of>>,
  ) => Promise<AnswerOf<Of>>
  /** What a page of the address says that is no JSON, or that answers a no with content. */
  readonly read: (page: Pick<Operation, 'path'>) => Promise<Page>
  /** Prints the text, or with --json the answer itself. */
  readonly print: (answer: unknown, text: () => string) => void
  /** What happens meanwhile, on stderr. */
  readonly note: (text: string) => void
}

export interface Page {
  readonly status: number
  readonly text: string
}

/** Runs what a command does with the admin API; what `act` resolves to is how it ends. */
export async function runAdminCommand(
  command: Command,
  act: (admin: AdminCommand) => Promise<void> | Promise<Ending>,
): Promise<void> {
  const options = command.optsWithGlobals<AdminCommandOptions>()
  await carryOut(command, async (): Promise<Ending> => {
    const url = adminUrl(options.admin)
    const token = options.tokenFile === undefined ? undefined : readToken(options.tokenFile)
    const ended = await act({
      request: async (operation, asked) => await request({ url, token }, operation, asked),
      read: async (page) => await fetchFrom({ url, token }, page),
      note: (text) => {
        command.configureOutput().writeErr?.(`${text}\n`)
      },
      print: (answer, text) => {
        command
          .configureOutput()
          .writeOut?.(
            options.json === true ? `${JSON.stringify(answer, undefined, 2)}\n` : `${text()}\n`,
          )
      },
    })
    return ended ?? 'done'
  })
}

/** One question to one front-end; rejects with a `CommandFailure`. */
export async function askAdmin<Of extends Operation>(
  { server, tokenFile }: { readonly server: string; readonly tokenFile: string | undefined },
  operation: Of,
  asked: Asked<NoInfer<Of>>,
): Promise<AnswerOf<Of>> {
  const token = tokenFile === undefined ? undefined : readToken(tokenFile)
  return await request({ url: adminUrl(server), token }, operation, asked)
}

function adminUrl(option: string | undefined): URL {
  const fromEnvironment = process.env['RCPTWISE_ADMIN'] ?? ''
  const text = option ?? (fromEnvironment === '' ? defaultAdminUrl : fromEnvironment)
  if (/^unix:\/[^?#]+$/.test(text)) return new URL(text)
  const url = URL.parse(/^https?:\/\//.test(text) ? text : `http://${text}`)
  if (url === null || url.host === '' || url.username !== '') {
    const where = option === undefined ? 'RCPTWISE_ADMIN' : '--admin'
    throw new CommandFailure(
      'usage',
      `${where}: ${JSON.stringify(text)} is no address; expected one such as ${defaultAdminUrl}`,
    )
  }
  return url
}

function readToken(file: string): string {
  let token
  try {
    token = readFileSync(file, 'utf8').trim()
  } catch (error) {
    throw new CommandFailure(
      'usage',
      `--token-file: ${error instanceof Error ? error.message : String(error)}`,
    )
  }
  if (!/^[\x21-\x7e]+$/.test(token))
    throw new CommandFailure('usage', `--token-file: ${file} does not hold one token on one line`)
  return token
}

export interface AdminServer {
  readonly url: URL
  readonly token: string | undefined
}

/** @throws CommandFailure */
export async function request<Of extends Operation>(
  { url, token }: AdminServer,
  operation: Of,
  asked: Asked<NoInfer<Of>> = {},
): Promise<AnswerOf<Of>> {
  const { status, text } = await fetchFrom({ url, token }, operation, asked)
  const said = parseJson(text)
  if (status !== 200) throw refusal(url, status, said)
  const answer = operation.answer?.safeParse(said)
  if (answer?.success !== true) throw notTheAdminApi(url, status)
  return answer.data as AnswerOf<Of>
}

interface AskedPage {
  readonly params?: object
  readonly query?: object
  readonly body?: unknown
}

/** @throws CommandFailure when nobody answers. */
async function fetchFrom(
  { url, token }: AdminServer,
  page: Pick<Operation, 'path'> & Partial<Pick<Operation, 'method'>>,
  asked: AskedPage = {},
): Promise<Page> {
  const { body } = asked
  const headers = {
    ...(token !== undefined && { authorization: `Bearer ${token}` }),
    ...(body !== undefined && { 'content-type': 'application/json' }),
  }
  const { method = 'GET' } = page
  const target = targetOf(isSocket(url) ? new URL('http://localhost') : url, page, asked)
  const sent = { method, headers, ...(body !== undefined && { body: JSON.stringify(body) }) }
  return await (
    isSocket(url)
      ? askOverSocket({
          socketPath: decodeURIComponent(url.pathname),
          path: `${target.pathname}${target.search}`,
          timeLimitMs,
          ...sent,
        })
      : askOverTcp(target, sent)
  ).catch((error: unknown) => {
    throw new CommandFailure('unreachable', notReachable(url, error))
  })
}

const isSocket = (url: URL): boolean => url.protocol === 'unix:'
const nameOf = (url: URL): string => (isSocket(url) ? url.href : url.origin)

async function askOverTcp(target: URL, sent: RequestInit): Promise<Page> {
  const signal = AbortSignal.timeout(timeLimitMs)
  const response = await fetch(target, { ...sent, redirect: 'manual', signal })
  return { status: response.status, text: await response.text() }
}

function targetOf(
  url: URL,
  { path }: Pick<TypedOperation, 'path'>,
  { params = {}, query = {} }: AskedPage,
): URL {
  const filled = Object.entries(params).reduce(
    (path, [name, value]) => path.replace(`{${name}}`, () => encodeURIComponent(String(value))),
    path,
  )
  const target = new URL(filled, url)
  for (const [name, value] of Object.entries(query))
    if (value !== undefined) target.searchParams.set(name, String(value))
  return target
}

function notReachable(url: URL, error: unknown): string {
  const cause =
    error instanceof Error ? (error.cause instanceof Error ? error.cause : error) : undefined
  const code =
    cause !== undefined && 'code' in cause ? String(cause.code) : (cause?.message ?? String(error))
  return [
    `the admin API does not answer at ${nameOf(url)} (${code}).`,
    'Is "rcptwise serve" running? Its address is admin.listen in the configuration;',
    'say another one with --admin URL or RCPTWISE_ADMIN.',
  ].join(' ')
}

/** Whatever the server says, it is printed without control characters. */
function refusal(url: URL, status: number, answer: unknown): CommandFailure {
  const said = failure.safeParse(answer)
  if (!said.success) return notTheAdminApi(url, status)
  if (status === 401) {
    return new CommandFailure(
      'refused',
      `${nameOf(url)} wants its token, or another one: --token-file FILE, a file of admin.tokens`,
    )
  }
  return new CommandFailure(
    endingOf(status),
    visible(`${said.data.error}; expected: ${said.data.expected}`),
  )
}

/** What is asked about wrongly, or is not there; anything else is a no. */
function endingOf(status: number): Ending {
  if (status === 400) return 'usage'
  return status === 404 ? 'nothing' : 'refused'
}

const notTheAdminApi = (url: URL, status: number): CommandFailure =>
  new CommandFailure(
    'unreachable',
    `${nameOf(url)} answered, but not as the admin API does (HTTP ${status}): is it another program's address?`,
  )

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text) as unknown
  } catch {
    return undefined
  }
}
