/** `rcptwise config show`: the values in force, and where each comes from. */
import type { Command } from 'commander'
import { carryOut } from './command-failure.ts'
import { rightConfig, withConfigOptions } from './configured.ts'
import { table } from './table.ts'

interface ShowOptions {
  readonly changed?: true
  readonly json?: true
}

export function register(program: Command): void {
  const config = program.command('config').description('look at the configuration')
  const command = withConfigOptions(config.command('show'))
    .description('show the value of each key, and where it comes from')
    .option('--changed', 'only what is not the default')
    .option('--json', 'as JSON')
  command.action(async (options: ShowOptions) => {
    await carryOut(command, async () => await show(command, options))
  })
}

async function show(command: Command, { changed, json }: ShowOptions): Promise<'done'> {
  // What is wrong is told before anything is shown.
  const all = rightConfig(command).values()
  const shown = changed === true ? all.filter(({ isDefault }) => !isDefault) : all
  const text =
    json === true
      ? JSON.stringify(
          shown.map(({ key, value, from }) => ({ key, value, from })),
          undefined,
          2,
        )
      : inWords(shown.map(({ key, value, from }) => [key, from, value]))
  process.stdout.write(`${text}\n`)
  return await Promise.resolve('done')
}

const inWords = (rows: readonly (readonly string[])[]): string =>
  rows.length === 0 ? 'every key has its default' : table(['KEY', 'FROM', 'VALUE'], rows)
