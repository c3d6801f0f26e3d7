/** The second of two processes on one ledger: PATH. */
import { openSqliteLedger } from '../../../src/ledger/sqlite/sqlite.ts'
import { contend } from '../contention.ts'

const ledger = await openSqliteLedger({ path: process.argv[2] ?? '', onFact: console.error })
await contend(ledger, 'theirs')
await ledger.close()
