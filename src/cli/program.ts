/** The command line as a tree: one file a command. Nothing runs before it is parsed. */
import { Command } from 'commander'
import { version } from '../version.ts'
import * as cert from './cert.ts'
import * as check from './check.ts'
import * as completion from './completion.ts'
import * as config from './config.ts'
import * as demo from './demo.ts'
import * as drain from './drain.ts'
import { endingsInWords } from './endings.ts'
import * as explain from './explain.ts'
import * as peers from './peers.ts'
import * as recipients from './recipients.ts'
import * as replay from './replay.ts'
import * as serve from './serve.ts'
import * as splits from './splits.ts'
import * as strategy from './strategy.ts'
import * as why from './why.ts'

const commands = [
  serve,
  check,
  demo,
  explain,
  cert,
  peers,
  recipients,
  replay,
  strategy,
  splits,
  drain,
  why,
  config,
  completion,
]

/** Throws a `CommanderError` where it would end the process. */
export function commandLine(): Command {
  const program = new Command('rcptwise')
    .description('An SMTP front-end that lets every recipient have their own answer to a message.')
    .version(version)
    .showHelpAfterError('(rcptwise --help lists the commands)')
    .exitOverride()
    .addHelpText('after', `\n${endingsInWords()}`)
  for (const { register } of commands) register(program)
  return program
}
