/** Runs the command that the command line names. */
import { CommanderError } from 'commander'
import { endings } from './endings.ts'
import { commandLine } from './program.ts'

try {
  const program = await commandLine(process.argv[2])
  await program.parseAsync()
} catch (error) {
  if (!(error instanceof CommanderError)) throw error
  process.exit(codeOf(error))
}

/** Its own complaints are all about the command line. */
function codeOf({ code, exitCode }: CommanderError): number {
  return code.startsWith('commander.') && exitCode !== 0 ? endings.usage.code : exitCode
}
