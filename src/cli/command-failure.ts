/** How a command ends that can not do what it was asked for: words on stderr, and an exit code. */
import { type Command, CommanderError } from 'commander'
import { visible } from '../log/visible.ts'
import { UnusableSourceError } from '../policy/unusable-source.ts'
import { type Ending, endings } from './endings.ts'
import { errorInWords } from './error-in-words.ts'

export class CommandFailure extends Error {
  readonly ending: Ending
  constructor(ending: Ending, message: string, options?: ErrorOptions) {
    super(message, options)
    this.ending = ending
  }
}

/**
 * Does the work of a command. Every failure ends here, whatever part of the program it is from.
 *
 * @throws CommanderError with the exit code, when the failure is told.
 */
export async function carryOut(
  command: Command,
  work: () => Promise<void> | Promise<Ending>,
): Promise<void> {
  try {
    endWith((await work()) ?? 'done')
  } catch (error) {
    const ending = endingOf(error)
    const words = wordsOf(error)
    command.configureOutput().writeErr?.(`${words}\n`)
    throw new CommanderError(endings[ending].code, `rcptwise.${ending}`, words)
  }
}

function endingOf(error: unknown): Ending {
  if (error instanceof CommandFailure) return error.ending
  return error instanceof UnusableSourceError ? 'configuration' : 'failed'
}

/** What was asked for is printed; scripts see by the code that it is not all. */
const endWith = (ending: Ending): void => {
  if (ending !== 'done') process.exitCode = endings[ending].code
}

/** Mistakes of a configuration begin with their place, as editors know it. */
const wordsOf = (error: unknown): string =>
  error instanceof Error && endingOf(error) === 'configuration'
    ? error.message.split('\n').map(visible).join('\n')
    : `error: ${visible(errorInWords(error))}`
