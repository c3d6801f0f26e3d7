/**
 * Writes the tables of docs/strategies.md: what each strategy costs with each sender, by the model
 * in test/model.
 *
 *     node tools/strategy-table.ts [--messages 10000] [--print]
 */
import { readFile, writeFile } from 'node:fs/promises'
import path from 'node:path'
import { configurableStrategies } from '../src/strategy/names.ts'
import { modelSenders } from '../test/model/senders.ts'
import { simulate } from '../test/model/simulate.ts'
import { type Cell, tables, type TrafficCell, trafficTable } from '../test/model/table.ts'
import { simulateTraffic } from '../test/model/traffic.ts'
import { commandLine } from '../test/support/command-line.ts'

const [begin, end] = ['<!-- tables: begin -->', '<!-- tables: end -->']
const { messages, print } = commandLine({ messages: 10_000, print: false })
const cells: Cell[] = []
for (const sender of modelSenders) {
  for (const strategy of configurableStrategies) {
    const outcome = await simulate({ sender, strategy, messages, seed: 1 })
    cells.push({ ...outcome, sender: sender.name, strategy })
  }
  process.stderr.write(`${sender.name}\n`)
}
const traffic = modelSenders.flatMap((sender) =>
  ([60_000, 3_600_000] as const).flatMap((everyMs) =>
    (['alike', 'different'] as const).map((sizes): TrafficCell => ({
      ...simulateTraffic({ sender, strategy: 'late', everyMs, sizes, messages: 100, seed: 1 }),
      sender: sender.name,
      everyMs,
      sizes,
    })),
  ),
)
const text = `${tables(cells)}\n\n**Clean mail between the attempts of a refused message (\`late\`)**\n\n${trafficTable(traffic)}`
if (print) {
  process.stdout.write(`${text}\n`)
} else {
  const file = path.join(import.meta.dirname, '..', 'docs', 'strategies.md')
  const page = await readFile(file, 'utf8')
  const [before, rest] = page.split(begin)
  const [, after] = rest?.split(end) ?? []
  if (before === undefined || after === undefined)
    throw new Error(`${file} has no ${begin} … ${end}`)
  await writeFile(file, `${before}${begin}\n\n${text}\n\n${end}${after}`)
}
