/** `rcptwise explain`: what would become of a message, and why, without delivering it. */
import { createReadStream } from 'node:fs'
import type { Command } from 'commander'
import { explain, type Question } from '../app/explain/explain.ts'
import { readMessage } from '../app/explain/message-text.ts'
import { nameOf } from '../app/explain/peer.ts'
import type { Config } from '../config/config.ts'
import { known } from '../known.ts'
import { carryOut, CommandFailure } from './command-failure.ts'
import { configured, withConfigOptions } from './configured.ts'
import type { Ending } from './endings.ts'
import { errorInWords } from './error-in-words.ts'
import { askServe } from './explain/ask-serve.ts'
import { type AskedFor, type ExplainOptions, readOptions } from './explain/command-line.ts'
import { inJson } from './explain/in-json.ts'
import { explanationInWords } from './explain/in-words.ts'
import { isTroubled } from './explain/trouble.ts'
import { sentences } from './table.ts'

/** Who has no address: of no network (RFC 5737). */
const stranger = '192.0.2.1'

export function register(program: Command): void {
  const command = withConfigOptions(program.command('explain <message>'))
    .description(
      'say what each recipient of a message would get, and why, without delivering it; "-" reads it from stdin',
    )
    .requiredOption('--to <addresses>', 'the recipients, separated by commas')
    .requiredOption('--from <address>', 'the sender; "<>" for a report')
    .option('--client <address>', `the address of the client (${stranger}, a stranger)`)
    .option('--helo <name>', 'the name that the client says (its own, else its address)')
    .option(
      '--strategy <names>',
      'also say what a client without PRDR would hear with these strategies, separated by commas, or "all"',
    )
    .option('--json', 'as JSON')
  command.action(async (message: string, options: ExplainOptions) => {
    await carryOut(command, async () => await run(message, options, command))
  })
}

async function run(message: string, options: ExplainOptions, command: Command): Promise<Ending> {
  const asked = readOptions(options)
  const config = configured(command)
  const question = await questionOf(asked, message, config)
  const serve = await askServe(config, question.client)
  const explanation = await explain(config, {
    ...question,
    ...(serve.kind === 'told' && { serve: serve.serve }),
  })
  const about = { config, question, serve, explanation }
  const text =
    options.json === true
      ? JSON.stringify(inJson(about), undefined, 2)
      : sentences(explanationInWords(about))
  process.stdout.write(`${text}\n`)
  return isTroubled(explanation) ? 'partly' : 'done'
}

async function questionOf(
  { client: given, helo, ...asked }: AskedFor,
  message: string,
  config: Config,
): Promise<Question> {
  const address = given ?? stranger
  const rdns = given === undefined ? undefined : await nameOf(config, address)
  const literal = address.includes(':') ? `[IPv6:${address}]` : `[${address}]`
  return {
    ...asked,
    client: { address, ...known({ rdns }), given: given !== undefined },
    helo: helo ?? rdns ?? literal,
    text: await messageIn(message, config),
  }
}

/** @throws CommandFailure */
async function messageIn(file: string, config: Config): ReturnType<typeof readMessage> {
  const name = file === '-' ? 'stdin' : file
  let text
  try {
    text = await readMessage(file === '-' ? process.stdin : createReadStream(file), config)
  } catch (error) {
    throw new CommandFailure('usage', `${name} can't be read: ${errorInWords(error)}`)
  }
  if (text.sizeBytes === 0)
    throw new CommandFailure('usage', `${name} is empty: expected a message`)
  return text
}
