/** PendingWrites into the ledger PATH, says so, and waits to be killed. */
import { writeSync } from 'node:fs'
import { openSqliteLedger } from '../../../src/ledger/sqlite/sqlite.ts'
import { manyRecipients, splitOf } from '../splits.ts'

const ledger = await openSqliteLedger({ path: process.argv[2] ?? '', onFact: console.error })
await ledger.save(splitOf('large', { recipients: manyRecipients(1000) }))
await ledger.save(splitOf('small'))
writeSync(1, 'saved\n')
setInterval(() => undefined, 60_000)
