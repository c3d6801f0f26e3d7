/**
 * The text of one message between its client and its deliveries: in memory up to a limit, then in a file that has no name any
 * more, so that nothing is left behind by a crash. Once it is streamed, nothing is kept that was passed on.
 */
import { randomBytes } from 'node:crypto'
import { open, unlink, type FileHandle } from 'node:fs/promises'
import { join } from 'node:path'
import type { TextSource } from '../backend/backend.ts'

export interface SpoolOptions {
  readonly memoryBytes: number
  readonly directory: string
}

/** Octets that may wait for the disk or for a slow backend before the client has to wait. */
const highWaterBytes = 256 * 1024
const fileChunkBytes = 64 * 1024

export class Spool implements TextSource {
  readonly #options: SpoolOptions
  #memory: Buffer[] = []
  #memoryBytes = 0
  #file: FileHandle | undefined
  #spilling: Promise<void> | undefined
  #unwritten: Buffer[] = []
  #unwrittenBytes = 0
  #written = 0
  #streaming = false
  #state: 'open' | 'complete' | 'failed' = 'open'
  #closed = false
  #wake: (() => void)[] = []
  /** Called when octets can be appended again after `append` said no. */
  onDrain: () => void = () => undefined

  constructor(options: SpoolOptions) {
    this.#options = options
  }

  get failed(): boolean {
    return this.#state === 'failed'
  }

  /** Keeps a chunk. False: wait for onDrain before giving more. */
  append(chunk: Buffer): boolean {
    if (this.#state === 'failed' || this.#closed) return true
    if (
      this.#spilling !== undefined ||
      (!this.#streaming && this.#memoryBytes + chunk.length > this.#options.memoryBytes)
    ) {
      this.#unwritten.push(chunk)
      this.#unwrittenBytes += chunk.length
      this.#spilling ??= this.#spill()
      return this.#unwrittenBytes < highWaterBytes
    }
    this.#memory.push(chunk)
    this.#memoryBytes += chunk.length
    this.#signal()
    return !this.#streaming || this.#memoryBytes < highWaterBytes
  }

  /** Moves memory and what comes after it into a file, until told to stop. */
  async #spill(): Promise<void> {
    try {
      const path = join(this.#options.directory, `rcptwise-${randomBytes(12).toString('hex')}`)
      this.#file = await open(path, 'wx+', 0o600)
      await unlink(path)
      this.#unwritten.unshift(...this.#memory)
      this.#memory = []
      this.#memoryBytes = 0
      while (this.#unwritten.length > 0 && !this.#closed) {
        const batch = this.#unwritten.splice(0)
        const { bytesWritten } = await this.#file.writev(batch, this.#written)
        const bytes = batch.reduce((sum, chunk) => sum + chunk.length, 0)
        if (bytesWritten !== bytes) throw new Error('the spool directory is full')
        this.#written += bytes
        this.#unwrittenBytes = this.#unwritten.reduce((sum, chunk) => sum + chunk.length, 0)
        this.#signal()
        this.onDrain()
      }
      this.#spilling = undefined
    } catch {
      this.fail()
      this.onDrain()
    }
  }

  /** No more octets come. Resolves when all of them are safe; `failed` tells whether they are. */
  async complete(): Promise<void> {
    while (this.#spilling !== undefined && this.#state === 'open') await this.#spilling
    if (this.#state === 'open') this.#state = 'complete'
    this.#signal()
  }

  /** The same at once, where nothing waits for a disk. */
  completeNow(): boolean {
    if (this.#spilling !== undefined) return false
    if (this.#state === 'open') this.#state = 'complete'
    this.#signal()
    return true
  }

  /** The text will never be complete. */
  fail(): void {
    this.#state = 'failed'
    this.#signal()
  }

  /** From now on only one reader takes the text, and nothing is kept behind it. */
  stream(): void {
    this.#streaming = this.#file === undefined
  }

  #signal(): void {
    for (const wake of this.#wake.splice(0)) wake()
  }

  whole(): readonly Buffer[] | undefined {
    return this.#state === 'complete' && this.#file === undefined && !this.#streaming ? this.#memory : undefined
  }

  async *chunks(): AsyncGenerator<Buffer> {
    let place = 0 // in chunks while in memory, in octets once in the file
    let octets = 0
    for (;;) {
      if (this.#state === 'failed') throw new Error('the text is not complete')
      if (this.#file !== undefined) {
        if (octets < this.#written) {
          const { buffer, bytesRead } = await this.#file.read(
            Buffer.allocUnsafe(fileChunkBytes),
            0,
            fileChunkBytes,
            octets,
          )
          octets += bytesRead
          yield buffer.subarray(0, bytesRead)
          continue
        }
      } else if (place < this.#memory.length) {
        const chunk = this.#memory[place]
        if (chunk === undefined) continue
        octets += chunk.length
        if (this.#streaming) {
          this.#memory.shift()
          const full = this.#memoryBytes >= highWaterBytes
          this.#memoryBytes -= chunk.length
          if (full && this.#memoryBytes < highWaterBytes) this.onDrain()
        } else place++
        yield chunk
        continue
      }
      if (this.#state === 'complete') return
      await new Promise<void>((resolve) => this.#wake.push(resolve))
    }
  }

  /** Lets go of everything. */
  close(): void {
    this.#closed = true
    this.#memory = []
    this.#unwritten = []
    if (this.#state === 'open') this.fail()
    const file = this.#file
    if (file !== undefined)
      void (this.#spilling ?? Promise.resolve()).then(async () => await file.close()).catch(() => undefined)
  }
}
