/** The commands that do something, for tests of all of them. */
import type { Command } from 'commander'

/** Those with an action, and with no command below or with both. */
export const leavesOf = (command: Command): readonly Command[] => [
  ...(acts(command) ? [command] : []),
  ...command.commands.flatMap(leavesOf),
]

const acts = (command: Command): boolean =>
  '_actionHandler' in command && typeof command._actionHandler === 'function'

/** Such as `peers learned`. */
export function nameOf(command: Command): string {
  const { parent } = command
  return parent === null || parent.parent === null
    ? command.name()
    : `${nameOf(parent)} ${command.name()}`
}
