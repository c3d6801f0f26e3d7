/** `rcptwise completion SHELL`: the script with which a shell completes command lines. */
import { Argument, type Command } from 'commander'
import { type Shell, shells } from './completion/shells.ts'
import { placesOf } from './completion/words.ts'

const names = Object.keys(shells) as readonly Shell[]

export function register(program: Command): void {
  program
    .command('completion')
    .description('print the script with which your shell completes the commands of rcptwise')
    .addArgument(new Argument('<shell>', 'which shell it is for').choices(names))
    .addHelpText(
      'after',
      ['', 'Line for the start file of your shell:']
        .concat(names.map((name) => `  ${name.padEnd(4)}  ${shells[name].load}`))
        .join('\n'),
    )
    .action((shell: Shell) => {
      process.stdout.write(shells[shell].script(placesOf(program)))
    })
}
