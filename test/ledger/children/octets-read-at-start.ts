/**
 * Opens the ledger, asks it what a scrape and a first message ask, and tells how many octets this
 * process and its threads have read for that.
 */
import { readFileSync } from 'node:fs'
import { openSqliteLedger } from '../../../src/ledger/sqlite/sqlite.ts'

const octetsRead = (): number =>
  Number(/^rchar: (\d+)$/m.exec(readFileSync('/proc/self/io', 'latin1'))?.[1])

const [, , path = '', n = ''] = process.argv
const options = { path, onFact: console.error, checkedAtStartBytes: 0 }
// The first time the thread's program is read as well.
await (await openSqliteLedger({ ...options, path: `${path}.other` })).close()

const before = octetsRead()
const ledger = await openSqliteLedger(options)
const recalled = await ledger.recall(`sender${n}@example.net`, `a${n}@example.org`)
const open = await ledger.countOpen()
const octets = octetsRead() - before
if (open.length === 0) throw new Error('nothing is open')
console.log(JSON.stringify({ octets, recalled: recalled.map(({ id }) => id) }))
await ledger.close()
