/**
 * What all texts of a process together may take: memory, beyond which they go to files at once, and disk, beyond which no more of them
 * are taken. Counts what it is told; looks at the free space of the file system now and then, so that a message that announces more
 * (SIZE) is put off before it is sent.
 */
import { statfs } from 'node:fs/promises'

export interface SpoolBudgetOptions {
  readonly totalMemoryBytes: number
  readonly totalDiskBytes: number
  /** A text up to this size needs no file. */
  readonly memoryBytes: number
  readonly directory: string
  /** Told once for each text that a limit moves to a file, or ends. */
  readonly onLimit: (limit: 'total_memory' | 'total_disk') => void
  /** ms since the epoch. */
  readonly now: () => number
}

const lookEveryMs = 5000

export class SpoolBudget {
  readonly #options: SpoolBudgetOptions
  #memoryBytes = 0
  #diskBytes = 0
  /** Of the file system, as it was last seen; unknown is as good as endless, since a full disk is noticed when it is written to. */
  #freeBytes = Infinity
  #lookedAt = -Infinity

  constructor(options: SpoolBudgetOptions) {
    this.#options = options
  }

  get memoryBytes(): number {
    return this.#memoryBytes
  }
  get diskBytes(): number {
    return this.#diskBytes
  }
  /** No more texts should be begun in memory, and what waits for a disk should be written before more is read. */
  get crowded(): boolean {
    return this.#memoryBytes >= this.#options.totalMemoryBytes
  }

  /** Whether a text may keep so many more octets in memory. */
  fitsMemory(octets: number): boolean {
    return this.#memoryBytes + octets <= this.#options.totalMemoryBytes
  }

  /** Octets that are in memory whatever the limit says: those being written, or passed on. Negative when they are gone. */
  countMemory(octets: number): void {
    this.#memoryBytes += octets
  }

  /** Takes room in files; false, and nothing is taken, when there is none. */
  takeDisk(octets: number): boolean {
    if (this.#diskBytes + octets > this.#options.totalDiskBytes) return false
    this.#diskBytes += octets
    return true
  }

  giveBackDisk(octets: number): void {
    this.#diskBytes -= octets
  }

  reached(limit: 'total_memory' | 'total_disk'): void {
    this.#options.onLimit(limit)
  }

  /** Whether a text of so many octets could be kept now; 0 where its size is not known. */
  fits(octets: number): boolean {
    const { memoryBytes, totalDiskBytes } = this.#options
    if (octets <= memoryBytes && !this.crowded && this.fitsMemory(octets)) return true
    this.#lookAtDisk()
    const left = Math.min(totalDiskBytes - this.#diskBytes, this.#freeBytes)
    return left > 0 && octets <= left
  }

  #lookAtDisk(): void {
    const { directory, now } = this.#options
    const at = now()
    if (at - this.#lookedAt < lookEveryMs) return
    this.#lookedAt = at
    void statfs(directory).then(
      ({ bavail, bsize }) => {
        this.#freeBytes = bavail * bsize
      },
      () => {
        this.#freeBytes = Infinity
      },
    )
  }
}
