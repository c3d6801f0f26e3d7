/** What can follow on a command line, read from the tree of commands. Pure. */
import type { Argument, Command, Option } from 'commander'
import { strategyNames } from '../../strategy/names.ts'

export interface Word {
  readonly word: string
  readonly description: string
}

/** Where a command line may be: behind `rcptwise`, or behind `rcptwise peers learned`. */
export interface Place {
  readonly path: string
  readonly commands: readonly Word[]
  readonly options: readonly Word[]
  /** What an option takes, where that is known: its words, or a file. */
  readonly values: readonly OptionValues[]
  /** Words for its arguments. */
  readonly argumentWords: readonly string[]
}

export interface OptionValues {
  readonly flags: readonly string[]
  readonly takes: 'words' | 'file' | 'other'
  readonly words: readonly string[]
}

export const placesOf = (command: Command, above = ''): readonly Place[] => {
  const path = `${above}${command.name()}`
  const help = { word: '--help', description: 'display help for command' }
  return [
    {
      path,
      commands: command.commands.map((one) => ({
        word: one.name(),
        description: one.description(),
      })),
      options: [
        ...command.options.map(({ long, short, description }) => ({
          word: long ?? short ?? '',
          description,
        })),
        help,
      ],
      values: command.options.filter(takesValue).map(valuesOf),
      argumentWords: command.registeredArguments.flatMap(wordsOfArgument),
    },
    ...command.commands.flatMap((one) => placesOf(one, `${path} `)),
  ]
}

const takesValue = ({ required, optional }: Option): boolean => required || optional

function valuesOf(option: Option): OptionValues {
  const flags = [option.short, option.long].flatMap((flag) => flag ?? [])
  const words =
    option.argChoices ??
    (/<name|names>/.test(option.flags) && option.long === '--strategy' ? strategyNames : [])
  const takes = /<(?:file|directory)(?:\.\.\.)?>/.test(option.flags)
    ? 'file'
    : words.length > 0
      ? 'words'
      : 'other'
  return { flags, takes, words }
}

/** A strategy is the one argument whose words are known without asking `serve`. */
const wordsOfArgument = (argument: Argument): readonly string[] =>
  argument.argChoices ?? (argument.name() === 'strategy' ? [...strategyNames, 'auto'] : [])
