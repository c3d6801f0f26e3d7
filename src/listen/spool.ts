/**
 * The text of one message between its client and its deliveries: in memory up to a limit, then in a
 * file without a name, so that nothing is left behind by a crash. Once it is streamed, what was
 * passed on is let go where its room is needed.
 *
 *     memory ──▶ file        `append` goes over the limit: what is there and all that comes goes to the file
 *        └─────▶ streaming   `stream` while in memory: over the limit what the one reader has read goes
 *
 * A reader gets the whole text or an error, never a part that looks like the whole.
 */
import type { FileHandle } from 'node:fs/promises'
import type { Pour, TextSource, TextTaker } from '../message/text-source.ts'
import { openNameless, writeWhole } from './nameless-file.ts'
import type { SpoolBudget } from './spool-budget.ts'
import { SpoolPour } from './spool-pour.ts'

export interface SpoolOptions {
  readonly memoryBytes: number
  readonly directory: string
  /** What all texts together may take; absent: no limit. */
  readonly budget?: SpoolBudget
}

/** Octets that may wait for the disk or for a slow backend before the client has to wait. */
const highWaterBytes = 256 * 1024
const fileChunkBytes = 64 * 1024
/**
 * What a chunk costs besides its octets, so that a text of single octets takes no more memory than
 * any other.
 */
const chunkCostBytes = 200
const costOf = (chunk: Buffer): number => chunk.length + chunkCostBytes

export class Spool implements TextSource {
  readonly #options: SpoolOptions
  #dotted = false
  #memory: Buffer[] = []
  #memoryBytes = 0
  #place: 'memory' | 'streaming' | 'file' = 'memory'
  #file: FileHandle | undefined
  /** The loop that writes to the file, while there is something to write. */
  #writing: Promise<void> | undefined
  #unwritten: Buffer[] = []
  #unwrittenBytes = 0
  #written = 0
  /** Octets of the file that the budget knows of. */
  #diskBytes = 0
  #state: 'open' | 'complete' | 'failed' = 'open'
  #closed = false
  #why: string | undefined
  #wake: (() => void)[] = []
  /** Who is reading it. */
  #readers = 0
  /** The one of them who is given it. */
  #pour: SpoolPour | undefined
  /** Of a streamed text: what the reader has not taken yet. */
  #untakenBytes = 0
  /** Chunks from the first one on that the reader has taken, and those of them that were let go. */
  #taken = 0
  #gone = 0
  /** Called when octets can be appended again after `append` said no. */
  onDrain: () => void
  /** Called with what was passed on and is not kept any more, in order. */
  readonly #onLetGo: (chunk: Buffer) => void

  constructor(
    options: SpoolOptions,
    onDrain: () => void = () => undefined,
    onLetGo: (chunk: Buffer) => void = () => undefined,
  ) {
    this.#options = options
    this.onDrain = onDrain
    this.#onLetGo = onLetGo
  }

  get dotted(): boolean {
    return this.#dotted
  }
  get failed(): boolean {
    return this.#state === 'failed'
  }
  /** What the disk said, where it was the disk that failed the text. */
  get why(): string | undefined {
    return this.#why
  }

  /**
   * Keeps a chunk. False: wait for onDrain before giving more. `dotted`: a line may begin with a
   * dot in it.
   */
  append(chunk: Buffer, dotted = true): boolean {
    if (this.#state === 'failed' || this.#closed || chunk.length === 0) return true
    if (dotted) this.#dotted = true
    const cost = costOf(chunk)
    if (this.#place === 'memory' && !this.#fitsMemory(cost)) this.#moveToFile()
    if (this.#place === 'file') {
      if (!this.#takeDisk(chunk.length)) return true
      this.#unwritten.push(chunk)
      this.#unwrittenBytes += cost
      this.#count(cost)
      this.#writing ??= this.#write()
      return this.#unwrittenBytes < this.#highWater()
    }
    this.#memory.push(chunk)
    this.#memoryBytes += cost
    this.#count(cost)
    if (this.#place === 'streaming') {
      this.#untakenBytes += cost
      this.#makeRoom()
    }
    this.#signal()
    return this.#place === 'memory' || this.#untakenBytes < highWaterBytes
  }

  /** What was passed on is kept as long as nobody needs its room. */
  #makeRoom(): void {
    const { memoryBytes, budget } = this.#options
    const mostBytes = memoryBytes + Math.min(memoryBytes / 4, highWaterBytes)
    while (
      this.#gone < this.#taken &&
      (this.#memoryBytes > mostBytes || budget?.hasRoomToSpare === false)
    ) {
      const chunk = this.#memory.shift()
      if (chunk === undefined) return
      this.#gone++
      this.#memoryBytes -= costOf(chunk)
      this.#count(-costOf(chunk))
      this.#onLetGo(chunk)
    }
  }

  #fitsMemory(cost: number): boolean {
    const { memoryBytes, budget } = this.#options
    if (this.#memoryBytes + cost > memoryBytes) return false
    if (budget === undefined || budget.fitsMemory(cost)) return true
    budget.reached('total_memory')
    return false
  }

  /**
   * Where all texts together take too much memory, each one writes what it has before it takes
   * more.
   */
  #highWater(): number {
    return this.#options.budget?.crowded === true ? 1 : highWaterBytes
  }

  /** Room for octets in the file; without it the text has failed. */
  #takeDisk(octets: number): boolean {
    const { budget } = this.#options
    if (budget === undefined || this.#state === 'failed') return this.#state !== 'failed'
    if (budget.takeDisk(octets)) {
      this.#diskBytes += octets
      return true
    }
    this.#why = 'all texts together take more than spool.total_disk'
    budget.reached('total_disk')
    this.fail()
    this.#count(-this.#memoryBytes)
    this.#memory = []
    this.#memoryBytes = 0
    if (this.#writing === undefined) this.#dropFile()
    return false
  }

  /** Tells the budget of memory that is taken, or not needed any more. */
  #count(octets: number): void {
    if (!this.#closed) this.#options.budget?.countMemory(octets)
  }

  #moveToFile(): void {
    this.#place = 'file'
    if (!this.#takeDisk(this.#memory.reduce((sum, chunk) => sum + chunk.length, 0))) return
    this.#unwritten = this.#memory
    this.#unwrittenBytes = this.#memoryBytes
    this.#memory = []
    this.#memoryBytes = 0
  }

  async #write(): Promise<void> {
    try {
      this.#file ??= await openNameless(this.#options.directory)
      while (this.#unwritten.length > 0 && !this.#closed) {
        const batch = this.#unwritten
        const bytes = this.#unwrittenBytes
        this.#unwritten = []
        this.#written += await writeWhole(this.#file, batch, this.#written)
        this.#unwrittenBytes -= bytes
        this.#count(-bytes)
        this.#signal()
        this.onDrain()
      }
    } catch (error) {
      this.#why = error instanceof Error ? error.message : String(error)
      this.fail()
      this.onDrain()
    } finally {
      this.#writing = undefined
      if (this.#closed || this.#state === 'failed') this.#dropFile()
    }
  }

  /** No more octets come. Resolves when all of them are safe; `failed` tells whether they are. */
  async complete(): Promise<void> {
    while (this.#writing !== undefined) await this.#writing
    this.completeNow()
  }

  /** The same at once, where nothing waits for a disk; false where something does. */
  completeNow(): boolean {
    if (this.#writing !== undefined) return false
    if (this.#state === 'open') this.#state = 'complete'
    this.#signal()
    return true
  }

  /** The text will never be complete. */
  fail(): void {
    this.#state = 'failed'
    this.#signal()
  }

  /**
   * From now on only one reader takes the text, and behind it no more is kept than there is room
   * for, unless it is in a file already.
   */
  stream(): void {
    // Somebody who reads by itself would miss what is let go: then all is kept.
    if (this.#place !== 'memory' || this.#readers > 0) return
    this.#place = 'streaming'
    this.#untakenBytes = this.#memoryBytes
  }

  #signal(): void {
    this.#pour?.wake()
    if (this.#wake.length > 0) for (const wake of this.#wake.splice(0)) wake()
  }

  whole(): readonly Buffer[] | undefined {
    return this.#gone === 0 ? this.rest() : undefined
  }

  /** Of a text that is complete: what stands behind all that was let go. */
  rest(): readonly Buffer[] | undefined {
    return this.#state === 'complete' && this.#place !== 'file' && !this.#closed
      ? this.#memory
      : undefined
  }

  get inFile(): boolean {
    return this.#place === 'file'
  }

  /**
   * What has come of it and was neither passed on nor written to the file; behind the `append` that
   * moves it there still all.
   */
  get inMemory(): readonly Buffer[] {
    return this.#place === 'file' ? this.#unwritten : this.#memory
  }

  async *chunks(): AsyncGenerator<Buffer> {
    let read = 0 // chunks, while in memory
    let octets = 0
    this.#readers++
    try {
      for (;;) {
        if (this.#isLost(read)) throw new Error('the text is not complete')
        const chunk = this.#place === 'file' ? await this.#fromFile(octets) : this.#fromMemory(read)
        if (chunk !== undefined) {
          read++
          octets += chunk.length
          yield chunk
        } else if (this.#isComplete(octets)) return
        else if (!this.#isLost(read) && !this.#hasMoreInFile(octets))
          await new Promise<void>((resolve) => this.#wake.push(resolve))
      }
    } finally {
      this.#readers--
    }
  }

  /** Of a text that is streamed. */
  pour(taker: TextTaker): Pour | undefined {
    if (this.#place !== 'streaming' || this.#readers > 0) return undefined
    this.#readers++
    let read = 0
    return (this.#pour = new SpoolPour(taker, {
      next: () => {
        if (this.#isLost(read)) return 'broken off'
        const chunk = this.#fromMemory(read)
        if (chunk !== undefined) read++
        return chunk ?? (this.#state === 'complete' ? 'complete' : undefined)
      },
      onOver: () => {
        this.#readers--
        this.#pour = undefined
      },
    }))
  }

  /** For who has read so many chunks. */
  #isLost(read: number): boolean {
    return this.#state === 'failed' || this.#closed || read < this.#gone
  }

  /** It may have come, or been lost, while the file was asked: whoever waits is told no more. */
  #hasMoreInFile(octets: number): boolean {
    return this.#place === 'file' && octets < this.#written
  }

  #fromMemory(read: number): Buffer | undefined {
    const chunk = this.#memory[read - this.#gone]
    // Who reads it once more takes nothing that was not taken.
    const isNew = this.#place === 'streaming' && read >= this.#taken
    if (!isNew || chunk === undefined) return chunk
    const full = this.#untakenBytes >= highWaterBytes
    this.#taken = read + 1
    this.#untakenBytes -= costOf(chunk)
    if (full && this.#untakenBytes < highWaterBytes) this.onDrain()
    return chunk
  }

  async #fromFile(octets: number): Promise<Buffer | undefined> {
    if (this.#file === undefined || octets >= this.#written) return undefined
    const { buffer, bytesRead } = await this.#file.read(
      Buffer.allocUnsafe(fileChunkBytes),
      0,
      fileChunkBytes,
      octets,
    )
    if (bytesRead === 0) throw new Error('the spool file is shorter than what was written to it')
    return buffer.subarray(0, bytesRead)
  }

  /** Asked anew after each wait: the state may have changed while a chunk was read. */
  #isComplete(octets: number): boolean {
    return (
      this.#state === 'complete' &&
      !this.#closed &&
      (this.#place !== 'file' || octets >= this.#written)
    )
  }

  /** Lets go of everything. */
  close(): void {
    if (this.#closed) return
    this.#count(-(this.#memoryBytes + this.#unwrittenBytes))
    this.#closed = true
    this.#memory = []
    this.#unwritten = []
    if (this.#state === 'open') this.fail()
    this.#signal()
    if (this.#writing === undefined) this.#dropFile()
  }

  #dropFile(): void {
    const file = this.#file
    this.#options.budget?.giveBackDisk(this.#diskBytes)
    this.#diskBytes = 0
    this.#file = undefined
    // What can fail here is a write that was not asked for any more.
    if (file !== undefined) void file.close().catch(() => undefined)
  }
}
