/** The ledger, with the time of its operations told. */
import type { Ledger } from '../ledger/ledger.ts'

type Observe = (op: 'recall' | 'save', seconds: number) => void

export function timedLedger(ledger: Ledger, observe: Observe): Ledger {
  const timed = <Result>(op: 'recall' | 'save', act: () => Result | Promise<Result>): Result | Promise<Result> => {
    const started = performance.now()
    const told = (): void => observe(op, (performance.now() - started) / 1000)
    const result = act()
    if (result instanceof Promise) return result.finally(told)
    told()
    return result
  }
  return {
    recall: async (reversePath, recipient) => await timed('recall', async () => await ledger.recall(reversePath, recipient)),
    save: async (split) => await timed('save', async () => await ledger.save(split)),
    find: async (id) => await ledger.find(id),
    openSplits: async (limit) => await ledger.openSplits(limit),
    countOpen: async () => await ledger.countOpen(),
    stale: async (before, limit) => await ledger.stale(before, limit),
    forget: async (before, limit) => await ledger.forget(before, limit),
    overrides: () => ledger.overrides(),
    setOverride: async (override) => await ledger.setOverride(override),
    resetOverride: async (peer) => await ledger.resetOverride(peer),
    get durable() {
      return ledger.durable
    },
    close: async () => await ledger.close(),
  }
}
