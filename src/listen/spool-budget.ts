/**
 * What all texts together may take: memory, beyond which they go to files at once, and disk, beyond
 * which no more of them are taken. Counts what it is told; looks at the free space of the file
 * system now and then, so that a message that announces more (SIZE) is put off before it is sent.
 */
import { statfs } from 'node:fs/promises'
import { alone, type WatchedCounts } from './shared-limits.ts'

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

/**
 * Other processes hear of whole pieces of this size, or of a 64th of what is allowed: a short text
 * is not worth a message.
 */
const pieceBytes = 1024 * 1024
/**
 * While one text comes and another goes, that is not worth a message either: for so long all
 * processes together may be thought to have a 32nd of what is allowed more than they do
 * (docs/decisions/0143-large-texts.md).
 */
const shareThatMayBeGone = 1 / 32
const tellLessMs = 1000

type Counts = Pick<WatchedCounts, 'elsewhere' | 'change' | 'others'>

/** Octets of one kind, here and in other processes. */
class Kept {
  readonly #shared: Counts
  readonly #key: string
  #told = 0
  #piece = pieceBytes
  /** Fewer are told then. */
  #later: NodeJS.Timeout | undefined
  bytes = 0

  constructor(key: string, shared: Counts) {
    this.#key = key
    this.#shared = shared
  }

  /** In all processes. */
  get inAll(): number {
    return this.bytes + this.#shared.elsewhere(this.#key)
  }

  add(octets: number, totalBytes: number): void {
    this.bytes += octets
    this.#piece = Math.max(1, Math.min(pieceBytes, totalBytes / 64))
    const mayBeGone = (totalBytes * shareThatMayBeGone) / (this.#shared.others + 1)
    if (this.bytes >= this.#told || this.#told - this.bytes > mayBeGone) this.#tell()
    else this.#later ??= setTimeout(() => this.#tell(), tellLessMs).unref()
  }

  #tell(): void {
    clearTimeout(this.#later)
    this.#later = undefined
    const tell = Math.floor(Math.floor(this.bytes / this.#piece) * this.#piece)
    if (tell === this.#told) return
    this.#shared.change(this.#key, tell - this.#told)
    this.#told = tell
  }
}

export class SpoolBudget {
  #options: SpoolBudgetOptions
  readonly #memory: Kept
  readonly #disk: Kept
  /**
   * Of the file system, as it was last seen; unknown is as good as endless, since a full disk is
   * noticed when it is written to.
   */
  #freeBytes = Infinity
  #lookedAt = -Infinity

  /** `shared`: with other processes. */
  constructor(options: SpoolBudgetOptions, shared: Counts = alone.counts) {
    this.#options = options
    this.#memory = new Kept('spool memory', shared)
    this.#disk = new Kept('spool disk', shared)
  }

  /** From now on; what is kept counts on. */
  use(options: SpoolBudgetOptions): void {
    if (options.directory !== this.#options.directory) this.#lookedAt = -Infinity
    this.#options = options
  }

  /** Of this process. */
  get memoryBytes(): number {
    return this.#memory.bytes
  }
  get diskBytes(): number {
    return this.#disk.bytes
  }
  /** Of all processes together. */
  get memoryLimitBytes(): number {
    return this.#options.totalMemoryBytes
  }
  /** Of all processes together; no more than the file system has room for. */
  get diskLimitBytes(): number {
    this.#lookAtDisk()
    return Math.min(this.#options.totalDiskBytes, this.#disk.inAll + this.#freeBytes)
  }
  /**
   * No more texts should be begun in memory, and what waits for a disk should be written before
   * more is read.
   */
  get crowded(): boolean {
    return this.#memory.inAll >= this.#options.totalMemoryBytes
  }

  /** Less than half is taken of what may be: a text may be kept beyond its answer. */
  get hasRoomToSpare(): boolean {
    const { totalMemoryBytes, totalDiskBytes } = this.#options
    return this.#memory.inAll * 2 < totalMemoryBytes && this.#disk.inAll * 2 < totalDiskBytes
  }

  /** Whether a text may keep so many more octets in memory. */
  fitsMemory(octets: number): boolean {
    return this.#memory.inAll + octets <= this.#options.totalMemoryBytes
  }

  /**
   * Octets that are in memory whatever the limit says: those being written, or passed on. Negative
   * when they are gone.
   */
  countMemory(octets: number): void {
    this.#memory.add(octets, this.#options.totalMemoryBytes)
  }

  /** Takes room in files; false, and nothing is taken, when there is none. */
  takeDisk(octets: number): boolean {
    if (this.#disk.inAll + octets > this.#options.totalDiskBytes) return false
    this.#disk.add(octets, this.#options.totalDiskBytes)
    return true
  }

  giveBackDisk(octets: number): void {
    this.#disk.add(-octets, this.#options.totalDiskBytes)
  }

  reached(limit: 'total_memory' | 'total_disk'): void {
    this.#options.onLimit(limit)
  }

  /** Whether a text of so many octets could be kept now; 0 where its size is not known. */
  fits(octets: number): boolean {
    const { memoryBytes, totalDiskBytes } = this.#options
    if (octets <= memoryBytes && !this.crowded && this.fitsMemory(octets)) return true
    this.#lookAtDisk()
    const left = Math.min(totalDiskBytes - this.#disk.inAll, this.#freeBytes)
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
