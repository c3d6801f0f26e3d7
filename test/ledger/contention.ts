/** What two processes do to one ledger at the same time. */
import type { Ledger } from '../../src/ledger/ledger.ts'
import { changed, manyRecipients, splitOf } from './splits.ts'

export const contendedId = 'contended'
export const winsEach = 100

/**
 * Writes the contended split until this side has won so often, with a split of its own before each
 * win.
 */
export async function contend(ledger: Ledger, name: string): Promise<void> {
  for (let won = 0; won < winsEach; won += 1) {
    await ledger.save(splitOf(`${name}${won}`, { recipients: manyRecipients(3, won) }))
    let saved = false
    while (!saved) {
      const split = await ledger.find(contendedId)
      if (split === undefined) throw new Error(`${contendedId} is not in the ledger`)
      saved = (await ledger.save(changed(split))).saved
    }
  }
}
