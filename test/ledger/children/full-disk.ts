/**
 * Fills the small file system at DIRECTORY until the ledger on it can't be written, makes room
 * again, and tells what it was like.
 */
import { closeSync, openSync, rmSync, writeSync } from 'node:fs'
import { join } from 'node:path'
import type { Ledger } from '../../../src/ledger/ledger.ts'
import { openSqliteLedger } from '../../../src/ledger/sqlite/sqlite.ts'
import { splitOf } from '../splits.ts'

const directory = process.argv[2] ?? ''
const filler = join(directory, 'filler')
const path = join(directory, 'ledger.db')
const kinds: string[] = []
const until = async (reached: () => boolean): Promise<void> => {
  while (!reached()) await new Promise((resolve) => setTimeout(resolve, 10))
}
const open = async (): Promise<Ledger> =>
  await openSqliteLedger({ path, onFact: (fact) => kinds.push(fact.kind), retryMs: 100 })

const ledger = await open()
const file = openSync(filler, 'w')
let unsaved = 0
let count = 0
const save = async (): Promise<void> => {
  const { saved } = await ledger.save(splitOf(`s${count}`))
  count += 1
  if (!saved) unsaved += 1
}
for (let n = 0; n < 20; n += 1) await save()
try {
  for (;;) writeSync(file, Buffer.alloc(4096, 'x'))
} catch {
  closeSync(file)
}
// One that was there before: the first write that finds the disk full.
await ledger.save({ ...splitOf('s0'), version: 2 })
while (ledger.durable) await save()
for (let n = 0; n < 20; n += 1) await save()
const whileFull = (await ledger.openSplits(100_000)).length
rmSync(filler)
await until(() => ledger.durable)
await save()
await ledger.close()
const again = await open()
const afterwards = (await again.openSplits(100_000)).length
const changed = (await again.find('s0'))?.version
await again.close()
console.log(
  JSON.stringify({
    kinds,
    unsaved,
    missingWhileFull: count - 1 - whileFull,
    missingAfterwards: count - afterwards,
    changed,
  }),
)
