/** One ledger over another, for those who change some of its operations. */
import type { Ledger } from './ledger.ts'

/**
 * A ledger that asks another one everything but what is given. Both calls may answer at once, and
 * then nothing here waits.
 */
export function ledgerOver(
  ledger: Ledger,
  own: Partial<Pick<Ledger, 'openOf' | 'recall' | 'save'>>,
): Ledger {
  return {
    openOf:
      own.openOf ?? ((reversePath): ReturnType<Ledger['openOf']> => ledger.openOf(reversePath)),
    recall:
      own.recall ??
      ((reversePath, recipient): ReturnType<Ledger['recall']> =>
        ledger.recall(reversePath, recipient)),
    crowded: (opener, limits): ReturnType<Ledger['crowded']> => ledger.crowded(opener, limits),
    save: own.save ?? ((split): ReturnType<Ledger['save']> => ledger.save(split)),
    find: async (id) => await ledger.find(id),
    openSplits: async (limit) => await ledger.openSplits(limit),
    countOpen: async () => await ledger.countOpen(),
    stale: async (before, limit, since) => await ledger.stale(before, limit, since),
    forget: async (before, limit) => await ledger.forget(before, limit),
    overrides: () => ledger.overrides(),
    setOverride: async (override) => await ledger.setOverride(override),
    resetOverride: async (peer) => await ledger.resetOverride(peer),
    refresh: async () => await ledger.refresh(),
    sharedWithinMs: ledger.sharedWithinMs,
    senders: ledger.senders,
    get durable() {
      return ledger.durable
    },
    close: async () => await ledger.close(),
  }
}
