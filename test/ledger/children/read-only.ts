/** Opens a ledger that this user may only read, PATH, and tells what it was like. */
import { openSqliteLedger } from '../../../src/ledger/sqlite/sqlite.ts'
import { ids, splitOf } from '../splits.ts'

const kinds: string[] = []
const ledger = await openSqliteLedger({
  path: process.argv[2] ?? '',
  onFact: (fact) => kinds.push(fact.kind),
  retryMs: 50,
})
const before = ids(await ledger.openSplits(10))
const { saved } = await ledger.save(splitOf('new'))
await new Promise((resolve) => setTimeout(resolve, 300))
const after = ids(await ledger.openSplits(10))
console.log(JSON.stringify({ durable: ledger.durable, kinds, before, saved, after }))
await ledger.close()
