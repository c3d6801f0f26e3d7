/**
 * How the commands talk to a running serve: its admin API, over HTTP, with good words for what goes
 * wrong.
 */
import { readFileSync } from 'node:fs'
import type { Command } from 'commander'
import { visible } from '../log/visible.ts'

export const defaultAdminUrl = 'http://127.0.0.1:9225'
const timeLimitMs = 15_000

export interface AdminCommandOptions {
  readonly admin?: string
  readonly tokenFile?: string
  readonly json?: boolean
}

/** Exit codes: 1, serve can't be reached or says no; 2, the command line is wrong. */
export class AdminCommandError extends Error {
  readonly exitCode: 1 | 2
  constructor(exitCode: 1 | 2, message: string) {
    super(message)
    this.exitCode = exitCode
  }
}

/** The options that every command of the admin API has. */
export const withAdminOptions = (command: Command): Command =>
  command
    .option(
      '--admin <url>',
      `address of the admin API; also RCPTWISE_ADMIN (default: ${defaultAdminUrl})`,
    )
    .option('--token-file <file>', 'file with the token of the admin API (admin.token_file)')
    .option('--json', 'print the answer of the admin API as JSON')

export interface AdminCommand {
  readonly request: (method: string, path: string, body?: unknown) => Promise<unknown>
  /** Prints the text, or with --json the answer itself. */
  readonly print: (answer: unknown, text: () => string) => void
}

/** Runs what a command does, and turns its failure into a message on stderr and an exit code. */
export async function runAdminCommand(
  command: Command,
  act: (admin: AdminCommand) => Promise<void>,
): Promise<void> {
  const options = command.optsWithGlobals<AdminCommandOptions>()
  try {
    const url = adminUrl(options.admin)
    const token = options.tokenFile === undefined ? undefined : readToken(options.tokenFile)
    await act({
      request: async (method, path, body) => await request({ url, token, method, path, body }),
      print: (answer, text) => {
        command
          .configureOutput()
          .writeOut?.(
            options.json === true ? `${JSON.stringify(answer, undefined, 2)}\n` : `${text()}\n`,
          )
      },
    })
  } catch (error) {
    if (!(error instanceof AdminCommandError)) throw error
    command.error(`error: ${error.message}`, { exitCode: error.exitCode, code: 'rcptwise.admin' })
  }
}

function adminUrl(option: string | undefined): URL {
  const fromEnvironment = process.env['RCPTWISE_ADMIN'] ?? ''
  const text = option ?? (fromEnvironment === '' ? defaultAdminUrl : fromEnvironment)
  const url = URL.parse(/^https?:\/\//.test(text) ? text : `http://${text}`)
  if (url === null || url.host === '' || url.username !== '') {
    const where = option === undefined ? 'RCPTWISE_ADMIN' : '--admin'
    throw new AdminCommandError(
      2,
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
    throw new AdminCommandError(
      2,
      `--token-file: ${error instanceof Error ? error.message : String(error)}`,
    )
  }
  if (!/^[\x21-\x7e]+$/.test(token))
    throw new AdminCommandError(2, `--token-file: ${file} does not hold one token on one line`)
  return token
}

interface Asked {
  readonly url: URL
  readonly token: string | undefined
  readonly method: string
  readonly path: string
  readonly body: unknown
}

async function request({ url, token, method, path, body }: Asked): Promise<unknown> {
  const target = new URL(path, url)
  let status: number
  let text: string
  try {
    const response = await fetch(target, {
      method,
      redirect: 'manual',
      signal: AbortSignal.timeout(timeLimitMs),
      headers: {
        ...(token !== undefined && { authorization: `Bearer ${token}` }),
        ...(body !== undefined && { 'content-type': 'application/json' }),
      },
      ...(body !== undefined && { body: JSON.stringify(body) }),
    })
    status = response.status
    text = await response.text()
  } catch (error) {
    throw new AdminCommandError(1, notReachable(url, error))
  }
  const answer = parseJson(text)
  if (status === 200 && answer !== undefined) return answer
  throw refusal(url, status, answer)
}

function notReachable(url: URL, error: unknown): string {
  const cause =
    error instanceof Error ? (error.cause instanceof Error ? error.cause : error) : undefined
  const code =
    cause !== undefined && 'code' in cause ? String(cause.code) : (cause?.message ?? String(error))
  return [
    `the admin API does not answer at ${url.origin} (${code}).`,
    'Is "rcptwise serve" running? Its address is admin.listen in the configuration;',
    'say another one with --admin URL or RCPTWISE_ADMIN.',
  ].join('\n')
}

/** Whatever the server says, it is printed without control characters. */
function refusal(url: URL, status: number, answer: unknown): AdminCommandError {
  const said =
    typeof answer === 'object' && answer !== null
      ? (answer as Readonly<Record<string, unknown>>)
      : {}
  if (typeof said['error'] !== 'string' || typeof said['expected'] !== 'string') {
    const words = `${url.origin} answered, but not as the admin API does (HTTP ${status}): is it another program's address?`
    return new AdminCommandError(1, words)
  }
  if (status === 401) {
    return new AdminCommandError(
      1,
      `${url.origin} wants its token, or another one: --token-file FILE, the file of admin.token_file`,
    )
  }
  return new AdminCommandError(
    status === 400 ? 2 : 1,
    visible(`${said['error']}; expected: ${said['expected']}`),
  )
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text) as unknown
  } catch {
    return undefined
  }
}
