/**
 * Whether anything was committed to the file since one last looked: one read of PATH-shm, which is
 * a sixth of what it costs to ask SQLite. Every commit of any process changes the header there
 * before it returns (https://www.sqlite.org/walformat.html#the_wal_index_header), and of two
 * headers with the same salts the one with more pages in the log is the later one.
 *
 * SQLite's locks are on that file. Linux ends all locks that a process has on a file when the
 * process closes any descriptor of it (fcntl(2)), and SQLite knows nothing of ours: so they are
 * closed only when no ledger of this process is open.
 */
import { closeSync, openSync, readSync, realpathSync } from 'node:fs'

/** Both copies of the header, in words of four octets. */
const words = 24
const wordsPerCopy = 12

/** Of these words. */
const versionWord = 0
const pagesWord = 4

/** WALINDEX_MAX_VERSION of SQLite. */
const version = 3_007_000

/** Others may be writing just then. */
const proofs = 3

/** Ledgers of this process that may have their file open. */
let holders = 0
const descriptors: number[] = []

export class WalIndex {
  readonly #path: string
  #descriptor: number | undefined
  #released = false
  /** What was read last. */
  readonly #read = new Uint32Array(words)
  readonly #known = new Uint32Array(words)
  #isKnown = false

  /** Made before the file is opened, and released after its last connection was closed. */
  constructor(path: string) {
    this.#path = path
    holders += 1
  }

  release(): void {
    if (this.#released) return
    this.#released = true
    this.#isKnown = false
    this.#descriptor = undefined
    holders -= 1
    if (holders === 0) for (const descriptor of descriptors.splice(0)) closeSync(descriptor)
  }

  /**
   * Whether the file can be told by: `write` writes by the connection that is to be told of, and
   * has to change what is read. So the name leads to the file that this connection has.
   */
  proves(write: () => void): boolean {
    // Elsewhere what others write into mapped memory may be read late.
    if (process.platform !== 'linux' || this.#released) return false
    this.#descriptor ??= descriptorOf(this.#path)
    for (let attempt = 0; attempt < proofs; attempt += 1) {
      write()
      this.isUnchanged()
      this.keep()
      if (!this.#isKnown) continue
      write()
      const isUnchanged = this.isUnchanged()
      this.#isKnown = false
      return !isUnchanged && this.#isSound()
    }
    return false
  }

  /** Nothing was committed since what `keep` has kept was read. */
  isUnchanged(): boolean {
    const isWhole = this.#look()
    if (!isWhole || !this.#isKnown) return false
    for (let i = 0; i < words; i++) if (this.#read[i] !== this.#known[i]) return false
    return true
  }

  /**
   * Keeps what `isUnchanged` has read. What is then asked of SQLite is as new as that, or newer.
   */
  keep(): void {
    this.#isKnown = this.#isSound()
    if (this.#isKnown) this.#known.set(this.#read)
  }

  /**
   * No writer is in between, and the log is not empty: only its frames tell two states of the file
   * apart after SQLite had to make this file anew.
   */
  #isSound(): boolean {
    const read = this.#read
    if (read[versionWord] !== version || read[pagesWord] === 0) return false
    for (let i = 0; i < wordsPerCopy; i++) if (read[i] !== read[i + wordsPerCopy]) return false
    return true
  }

  #look(): boolean {
    try {
      if (
        this.#descriptor !== undefined &&
        readSync(this.#descriptor, this.#read, 0, this.#read.byteLength, 0) ===
          this.#read.byteLength
      )
        return true
    } catch {
      // Then SQLite is asked, and has its own trouble.
    }
    this.#read.fill(0)
    return false
  }
}

/** Of the file that SQLite has made beside the one at `path`. */
function descriptorOf(path: string): number | undefined {
  try {
    const descriptor = openSync(`${realpathSync(path)}-shm`, 'r')
    descriptors.push(descriptor)
    return descriptor
  } catch {
    return undefined
  }
}
