/**
 * For `node --import`: kills the process with -9 at the n-th write of a split to the ledger, `before` or `after` it, as
 * RCPTWISE_KILL_AT says: `2 before`.
 */
import { SplitStore } from '../../src/ledger/sqlite-store.ts'

const [number, when] = (process.env['RCPTWISE_KILL_AT'] ?? '').split(' ')
let left = Number(number)

for (const name of ['insert', 'update'] as const) {
  const write: unknown = Reflect.get(SplitStore.prototype, name)
  if (typeof write !== 'function') throw new Error(`SplitStore has no ${name}`)
  Reflect.set(SplitStore.prototype, name, function (this: unknown, ...args: unknown[]): unknown {
    left--
    if (left === 0 && when === 'before') process.kill(process.pid, 'SIGKILL')
    const result: unknown = Reflect.apply(write, this, args)
    if (left === 0 && when === 'after') process.kill(process.pid, 'SIGKILL')
    return result
  })
}
