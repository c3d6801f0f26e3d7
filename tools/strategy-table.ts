/**
 * Writes the tables of docs/strategies.md: what each strategy costs with each sender, by the model in test/model.
 *
 *     node tools/strategy-table.ts [--messages 10000] [--print]
 */
import { readFile, writeFile } from 'node:fs/promises'
import path from 'node:path'
import { parseArgs } from 'node:util'
import { configurableStrategies } from '../src/strategy/names.ts'
import { modelSenders } from '../test/model/senders.ts'
import { simulate } from '../test/model/simulate.ts'
import { type Cell, tables } from '../test/model/table.ts'

const [begin, end] = ['<!-- tables: begin -->', '<!-- tables: end -->']
const { values } = parseArgs({
  options: { messages: { type: 'string', default: '10000' }, print: { type: 'boolean' } },
})
const messages = Number(values.messages)
const cells: Cell[] = []
for (const sender of modelSenders) {
  for (const strategy of configurableStrategies) {
    const outcome = await simulate({ sender, strategy, messages, seed: 1 })
    cells.push({ ...outcome, sender: sender.name, strategy })
  }
  process.stderr.write(`${sender.name}\n`)
}
const text = tables(cells)
if (values.print === true) {
  process.stdout.write(`${text}\n`)
} else {
  const file = path.join(import.meta.dirname, '..', 'docs', 'strategies.md')
  const page = await readFile(file, 'utf8')
  const [before, rest] = page.split(begin)
  const [, after] = rest?.split(end) ?? []
  if (before === undefined || after === undefined) throw new Error(`${file} has no ${begin} … ${end}`)
  await writeFile(file, `${before}${begin}\n\n${text}\n\n${end}${after}`)
}
