/**
 * Looks at the file from outside while it is in force: whether it is still the one that was opened,
 * and whether the disk follows. What is done about it is for failover.ts.
 */
import { statSync } from 'node:fs'
import { setTimeout as sleep } from 'node:timers/promises'

/**
 * A log that is longer is being written faster than the disk takes it; new writes then wait for the
 * checkpoint thread.
 */
const longLogBytes = 64 * 1024 * 1024

/**
 * After this time writes go on all the same; a log that then gets far too long ends in trouble
 * (checkpoint-worker.ts).
 */
const longestHoldMs = 5000

export class FileWatch {
  readonly #path: string
  /** Of the file that was opened. */
  #inode: string | undefined
  #congestion: Promise<void> | undefined

  constructor(path: string) {
    this.#path = path
  }

  /** The file that stands there now is the one in force. */
  opened(): void {
    this.#inode = this.#inodeNow()
  }

  /** SQLite itself goes on writing into a file that was deleted. */
  get replaced(): boolean {
    return this.#inodeNow() !== this.#inode
  }

  /** Set while writes are to wait, because the disk can't follow. */
  get congestion(): Promise<void> | undefined {
    return this.#congestion
  }

  /** `inForce`: as long as that holds, writes wait until the log is short again. */
  lookAtLog(inForce: () => boolean): void {
    if (this.#congestion !== undefined || this.#logBytes() <= longLogBytes) return
    this.#congestion = this.#untilLogIsShort(inForce).finally(() => {
      this.#congestion = undefined
    })
  }

  #inodeNow(): string | undefined {
    const status = statSync(this.#path, { throwIfNoEntry: false })
    return status && `${status.dev}:${status.ino}`
  }

  #logBytes(): number {
    return statSync(`${this.#path}-wal`, { throwIfNoEntry: false })?.size ?? 0
  }

  async #untilLogIsShort(inForce: () => boolean): Promise<void> {
    const until = performance.now() + longestHoldMs
    while (inForce() && this.#logBytes() > longLogBytes && performance.now() < until)
      await sleep(10)
  }
}
