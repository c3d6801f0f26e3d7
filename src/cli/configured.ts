/** Options that `serve` and `check` share, and the configuration that comes of them. */
import type { Command } from 'commander'
import type { Config } from '../config/config.ts'
import { type LoadedConfig, loadConfig } from '../config/load.ts'
import { describeProblem } from '../config/problem.ts'
import { CommandFailure } from './command-failure.ts'

interface ConfigCommandOptions {
  readonly config?: string
  readonly listen?: string
  readonly backend?: string
  readonly relayDomains?: string
  readonly admin?: string
  readonly dataDirectory?: string
  readonly logLevel?: string
}

export const withConfigOptions = (command: Command): Command =>
  command
    .option('-c, --config <file>', 'configuration (YAML); without it the built-in defaults apply')
    .option(
      '--listen <address>',
      'listen here, instead of what the configuration says (127.0.0.1:2525)',
    )
    .option(
      '--backend <url>',
      'the mail server behind: smtp://host:port, lmtp://host:port or sink:DIRECTORY (sink:rcptwise-data/mail)',
    )
    .option(
      '--relay-domains <domains>',
      'domains that mail is accepted for, separated by commas; needed with smtp://',
    )
    .option('--admin <address>', 'admin API and metrics listen here, or "off" (127.0.0.1:9225)')
    .option(
      '--data-directory <directory>',
      'where the ledger and the self-signed certificate are kept (rcptwise-data)',
    )
    .option('--log-level <level>', 'debug, info, warn or error')

/** The file that the command line names, and how it is read; again, for a program that runs on. */
export function configSource(command: Command): {
  readonly file: string | undefined
  readonly load: () => LoadedConfig
} {
  const { config: file, ...overrides } = command.opts<ConfigCommandOptions>()
  return { file, load: () => loadConfig(file, overrides) }
}

/**
 * Reads the configuration, and tells its warnings on stderr.
 *
 * @throws CommandFailure with every mistake.
 */
export const configured = (command: Command): Config => rightConfig(command).config

type RightConfig = Extract<LoadedConfig, { readonly ok: true }>

/** The same, with where its values come from. */
export function rightConfig(command: Command): RightConfig {
  const loaded = configSource(command).load()
  if (loaded.ok) {
    for (const warning of loaded.warnings)
      process.stderr.write(`warning: ${describeProblem(warning)}\n`)
    return loaded
  }
  throw new CommandFailure('configuration', loaded.problems.map(describeProblem).join('\n'))
}
