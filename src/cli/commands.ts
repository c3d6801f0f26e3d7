/** The command line: one file a command. */
import { Command } from 'commander'
import { version } from '../version.ts'
import * as cert from './cert.ts'
import * as check from './check.ts'
import * as demo from './demo.ts'
import * as drain from './drain.ts'
import * as explain from './explain.ts'
import * as peers from './peers.ts'
import * as recipients from './recipients.ts'
import * as replay from './replay.ts'
import * as serve from './serve.ts'
import * as splits from './splits.ts'
import * as strategy from './strategy.ts'
import * as why from './why.ts'

const program = new Command('rcptwise')
  .description('An SMTP front-end that lets every recipient have their own answer to a message.')
  .version(version)
  .showHelpAfterError('(rcptwise --help lists the commands)')

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
]
for (const { register } of commands) register(program)

await program.parseAsync()
