/** `rcptwise audit`: who has changed what while serve ran, from what to what, and why. */
import type { Command } from 'commander'
import { listAudit } from '../admin/operations/audit.ts'
import { type AnswerOf, runAdminCommand, withAdminOptions } from './admin-client.ts'
import { age, table } from './table.ts'

type Audit = AnswerOf<typeof listAudit>

export function register(program: Command): void {
  withAdminOptions(program.command('audit'))
    .description('show who has changed what, from what to what, and why, the last first')
    .option('--limit <count>', 'how many to show, up to 1000 (default: 100)')
    .action(async (options: { readonly limit?: string }, command: Command) => {
      await runAdminCommand(command, async ({ request, print }) => {
        const listed = await request(listAudit, { query: { limit: options.limit } })
        print(listed, () => auditTable(listed, Date.now()))
      })
    })
}

function auditTable({ entries, more }: Audit, now: number): string {
  if (entries.length === 0) return 'nobody has changed anything'
  const rows = entries.map(({ at, by, change, of = '-', from = '-', to = '-', reason = '-' }) => [
    age(Date.parse(at), now),
    by,
    change,
    of,
    from,
    to,
    reason,
  ])
  const shown = table(['AGE', 'WHO', 'WHAT', 'OF', 'FROM', 'TO', 'WHY'], rows)
  return more ? `${shown}\n... and more: --limit COUNT shows up to 1000` : shown
}
