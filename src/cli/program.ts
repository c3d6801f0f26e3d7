/**
 * The command line as a tree: one file a command. A command is loaded when it is wanted: `serve`
 * lives long, and the other ones would stay in its memory.
 */
import { Command } from 'commander'
import { version } from '../version.ts'
import { endingsInWords } from './endings.ts'

interface CommandFile {
  readonly register: (program: Command) => void
}

/** In the order of --help. */
const commands: Readonly<Record<string, () => Promise<CommandFile>>> = {
  serve: async () => await import('./serve.ts'),
  check: async () => await import('./check.ts'),
  status: async () => await import('./status.ts'),
  top: async () => await import('./top.ts'),
  demo: async () => await import('./demo.ts'),
  explain: async () => await import('./explain.ts'),
  cert: async () => await import('./cert.ts'),
  peers: async () => await import('./peers.ts'),
  recipients: async () => await import('./recipients.ts'),
  replay: async () => await import('./replay.ts'),
  strategy: async () => await import('./strategy.ts'),
  splits: async () => await import('./splits.ts'),
  drain: async () => await import('./drain.ts'),
  audit: async () => await import('./audit.ts'),
  why: async () => await import('./why.ts'),
  config: async () => await import('./config.ts'),
  completion: async () => await import('./completion.ts'),
}

/**
 * With the command that `wanted` names alone, or with all. Throws a `CommanderError` where it would
 * end the process.
 */
export async function commandLine(wanted = ''): Promise<Command> {
  const program = new Command('rcptwise')
    .description('An SMTP front-end that lets every recipient have their own answer to a message.')
    .version(version)
    .showHelpAfterError('(rcptwise --help lists the commands)')
    .exitOverride()
    .addHelpText('after', `\n${endingsInWords()}`)
  const needed = alone.has(wanted) ? [wanted] : Object.keys(commands)
  for (const name of needed) (await commands[name]?.())?.register(program)
  return program
}

/** The completion is made of all. */
const alone = new Set(Object.keys(commands).filter((name) => name !== 'completion'))
