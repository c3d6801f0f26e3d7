/**
 * For `node --import`: kills the process with -9 at the n-th write of a split to the ledger,
 * `before` or `after` it, as RCPTWISE_KILL_AT says: `2 before`. What is counted is what was
 * written: a write that finds the file busy, or another version in it, is tried again, and is one
 * write all the same. With RCPTWISE_BUSY each write finds the file busy once.
 */
import { SplitStore } from '../../src/ledger/sqlite/statements.ts'

const [number, when] = (process.env['RCPTWISE_KILL_AT'] ?? '').split(' ')
const last = Number(number)
const isOftenBusy = process.env['RCPTWISE_BUSY'] !== undefined
let written = 0
let wasBusy = false

/** As node:sqlite says it. */
class BusyError extends Error {
  readonly errcode = 5
}

function findBusy(): void {
  wasBusy = isOftenBusy && !wasBusy
  if (wasBusy) throw new BusyError('database is locked')
}

for (const name of ['insert', 'update'] as const) {
  const write: unknown = Reflect.get(SplitStore.prototype, name)
  if (typeof write !== 'function') throw new Error(`SplitStore has no ${name}`)
  Reflect.set(SplitStore.prototype, name, function (this: unknown, ...args: unknown[]): unknown {
    findBusy()
    if (written + 1 === last && when === 'before') process.kill(process.pid, 'SIGKILL')
    const result: unknown = Reflect.apply(write, this, args)
    if (result === true || result === 'saved') written++
    if (written === last && when === 'after') process.kill(process.pid, 'SIGKILL')
    return result
  })
}
