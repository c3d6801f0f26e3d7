/** The ledger, with the time of its operations told. */
import { ledgerOver } from '../ledger/delegating-ledger.ts'
import type { Ledger } from '../ledger/ledger.ts'
import type { Metrics } from '../metrics/registry.ts'

interface TimedOperation {
  readonly op: 'recall' | 'save'
  readonly seconds: number
}

/**
 * What the ledger answers at once stays at once: promises around each recipient's look-up would
 * cost more than it.
 */
export function timedLedger(ledger: Ledger, { registry, ledgerSeconds }: Metrics): Ledger {
  const observe = registry.late(({ op, seconds }: TimedOperation) =>
    ledgerSeconds.observe({ op }, seconds),
  )
  const timed = <Result>(
    op: 'recall' | 'save',
    started: number,
    result: Result | Promise<Result>,
  ): Result | Promise<Result> => {
    const told = (): void => observe({ op, seconds: (performance.now() - started) / 1000 })
    if (result instanceof Promise) return result.finally(told)
    told()
    return result
  }
  return ledgerOver(ledger, {
    // What is known in memory is no operation of the ledger.
    openOf: (reversePath): ReturnType<Ledger['openOf']> => {
      const open = ledger.openOf(reversePath)
      return open instanceof Promise ? timed('recall', performance.now(), open) : open
    },
    recall: (reversePath, recipient): ReturnType<Ledger['recall']> =>
      timed('recall', performance.now(), ledger.recall(reversePath, recipient)),
    save: (split): ReturnType<Ledger['save']> =>
      timed('save', performance.now(), ledger.save(split)),
  })
}
