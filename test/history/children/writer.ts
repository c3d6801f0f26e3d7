/** Writes a history until it is killed, and tells how much of it is written. */
import { openHistory } from '../../../src/history/history.ts'
import { transaction } from '../../metrics/sample-facts.ts'

let written = 0
const history = openHistory({
  path: process.argv[2] ?? '',
  keepMs: 86_400_000,
  maxSizeBytes: 64 * 1024 * 1024,
  addresses: 'full',
  queueBytes: 16 * 1024 * 1024,
  slot: 'primary',
  keepsHouse: true,
  onFact: (fact) => {
    if (fact.kind !== 'historyWritten') return
    written += fact.transactions
    process.send?.(written)
  },
  now: Date.now,
})

let n = 0
setInterval(() => {
  for (let i = 0; i < 10; i++) {
    const messageId = `<${process.pid}.${++n}@s.example>`
    history.onFact(
      transaction({
        at: Date.now(),
        transaction: `K.${n}`,
        reversePath: 'round@s.example',
        messageId,
      }),
    )
  }
}, 5)
