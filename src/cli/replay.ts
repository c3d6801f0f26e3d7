/** `rcptwise replay`: what each strategy would have cost this site, by the logs that it has. */
import { type Command, Option } from 'commander'
import { replay } from '../app/replay.ts'
import { senderTimes } from '../past/sender-model.ts'
import { carryOut } from './command-failure.ts'
import { configured, withConfigOptions } from './configured.ts'
import type { Ending } from './endings.ts'
import { inJson } from './replay/in-json.ts'
import { replayInWords } from './replay/in-words.ts'

interface ReplayOptions {
  readonly log: readonly string[]
  readonly sendersLike: keyof typeof senderTimes
  readonly json?: true
}

const models = Object.keys(senderTimes) as readonly (keyof typeof senderTimes)[]

export function register(program: Command): void {
  const command = withConfigOptions(program.command('replay'))
    .description('say what each strategy would have cost you, by the logs that you have already')
    .requiredOption(
      '--log <file...>',
      'logs of Postfix, Exim, rspamd and spamd, a history of rspamd (JSON) or of Rcptwise; "-" is stdin',
    )
    .addOption(
      new Option('--senders-like <program>', 'how senders retry that the logs tell nothing of')
        .choices(models)
        .default('postfix'),
    )
    .option('--json', 'as JSON')
  command.action(async (options: ReplayOptions) => {
    await carryOut(command, async () => await run(options, command))
  })
}

async function run({ log, sendersLike, json }: ReplayOptions, command: Command): Promise<Ending> {
  const config = configured(command)
  const replayed = await replay(config, { files: log, usualTimes: senderTimes[sendersLike] })
  const text =
    json === true ? JSON.stringify(inJson(replayed), undefined, 2) : replayInWords(replayed)
  process.stdout.write(`${text}\n`)
  return replayed.counts.counted === 0 ? 'nothing' : 'done'
}
