/**
 * The history's file as a process keeps it: opened when it is wanted, opened again when another one
 * is at its path, and begun anew when it is gone or damaged. That something is missing is written
 * into the new one.
 */
import { addressKeeper, type AddressKeeper } from './addresses.ts'
import { keyIfAny, ownKey } from './key-file.ts'
import type { ThreadOptions } from './messages.ts'
import { isDamage, isHistory, OpenedFile, putAside } from './opened-file.ts'
import type { LostFile } from './question.ts'
import { openHistoryFile } from './schema.ts'
import { HistoryStore } from './store.ts'

interface Opened {
  readonly store: HistoryStore
  readonly file: OpenedFile
}

export class KeptFile {
  readonly #options: ThreadOptions
  #opened: Opened | undefined
  #keeper: AddressKeeper | undefined
  /** The one before, until the next one may be opened. */
  #left: OpenedFile | undefined
  /** Not told in the next one yet. */
  #lost: LostFile | undefined

  constructor(options: ThreadOptions) {
    this.#options = options
  }

  /** @throws as SQLite does. */
  open(): { readonly store: HistoryStore; readonly keeper: AddressKeeper } {
    if (this.#opened?.file.isGone === true)
      this.#leave(this.#opened, this.#opened.file.isPutAside ? 'damaged' : 'removed')
    this.#opened ??= this.#openNext()
    const { addresses, path } = this.#options
    this.#keeper ??= addressKeeper(addresses, addresses === 'hash' ? ownKey(path) : keyIfAny(path))
    return { store: this.#opened.store, keeper: this.#keeper }
  }

  #openNext(): Opened {
    this.#makeRoom()
    const { path, slot, keepsHouse, addresses } = this.#options
    const store = new HistoryStore(openHistoryFile(this.#options))
    try {
      // Of those who write now one may have begun in the new one first.
      if (keepsHouse && this.#lost === undefined) store.endOthers(slot, Date.now())
      store.begin(slot, addresses, Date.now())
      if (keepsHouse && this.#lost !== undefined) store.noteLost(this.#lost, Date.now())
    } catch (error) {
      store.close()
      throw error
    }
    this.#lost = undefined
    return { store, file: new OpenedFile(path) }
  }

  /** @throws while the house has not begun the next one. */
  #makeRoom(): void {
    if (this.#left === undefined) return
    if (this.#options.keepsHouse) this.#left.clearAway()
    else if (!this.#left.isReplaced)
      throw new Error(`${this.#options.path} is gone, and no new one is there yet`)
    this.#left.release()
    this.#left = undefined
  }

  #leave({ store, file }: Opened, why: LostFile): void {
    this.#opened = undefined
    this.#left = file
    this.#lost = why
    store.close()
  }

  /** A damaged file of ours is put aside, and the next one begun when it is wanted. */
  heal(error: unknown): void {
    const { path } = this.#options
    if (!isDamage(error)) return
    if (this.#opened === undefined) {
      if (isHistory(path)) putAside(path)
      return
    }
    if (!this.#opened.file.isGone) putAside(path)
    this.#leave(this.#opened, 'damaged')
  }

  end(): void {
    this.#opened?.store.end(this.#options.slot, Date.now())
    this.#opened?.store.close()
    this.#opened?.file.release()
    this.#opened = undefined
  }
}
