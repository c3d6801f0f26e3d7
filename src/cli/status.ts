/** `rcptwise status`: one screen that says whether mail flows, and what wants attention. */
import type { Command } from 'commander'
import { runAdminCommand, withAdminOptions } from './admin-client.ts'
import { stateInWords } from './status/in-words.ts'
import { look } from './status/read.ts'

export function register(program: Command): void {
  withAdminOptions(program.command('status'))
    .description('say on one screen whether mail flows, and what wants your attention')
    .action(async (_options: unknown, command: Command) => {
      await runAdminCommand(command, async (admin) => {
        const { state } = await look(admin)
        admin.print(state, () => stateInWords(state, Date.now()))
        return state.ready ? 'done' : 'failed'
      })
    })
}
