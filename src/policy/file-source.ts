/**
 * A source that is a file with its entries in lines: policies (docs/configuration.md), aliases, or
 * one of Postfix's maps. It is read again when it changes; a file with a mistake leaves the old
 * entries in force.
 */
import { type FileHandle, open, stat } from 'node:fs/promises'
import type { BigIntStats } from 'node:fs'
import { setImmediate, setTimeout } from 'node:timers/promises'
import type { FactListener } from '../facts/fact.ts'
import type { LineEntries } from './line-entries.ts'
import { allAbandoned } from './failed.ts'
import type { Answer, Answers, Source, Unknown } from './policy-source.ts'
import { watchBeside } from '../files/watch.ts'

export interface LinesFileOptions<Found> {
  readonly kind: FileKind

  readonly path: string
  /** The key of the configuration that names the file. */
  readonly namedIn: string
  /** For each reading of the file. */
  readonly noEntries: () => LineEntries<Found>
  /** Gets policiesLoaded and policiesKept. */
  readonly onFact: FactListener
  /** ms since the epoch. */
  readonly clock?: () => number
}

export interface LinesFile<Found> extends Source<Found> {
  /**
   * Reads the file now, changed or not (SIGHUP). Rejects as the opening does; the old entries stay
   * in force then.
   */
  reload(): Promise<void>
  /** Entries in force. */
  readonly entries: number
}

/** How the file is written: Rcptwise's own entries, or those of one of Postfix's maps. */
export type FileKind = 'file' | 'texthash' | 'regexp'

/** Octets read before others get their turn: some 1,500 lines, which take about 2 ms. */
const octetsAtATime = 64 * 1024
/** Characters. */
export const longestLine = 64 * 1024
/**
 * Between two looks at a file that is being written, and how often one looks before reading it all
 * the same.
 */
const writingMs = 100
const writingLooks = 50
/** Of look-ups before others get their turn: some ms. */
const stepsAtATime = 1000
const mistakesTold = 5

/**
 * Rejects when the file can't be read or has a mistake at the start; the message has file, line and
 * reason. The caller closes what it gets.
 */
export async function openLinesFile<Found>(
  options: LinesFileOptions<Found>,
): Promise<LinesFile<Found>> {
  const source = new FileSource(options)
  await source.start()
  return source
}

interface Turns<Found> {
  readonly entries: LineEntries<Found>
  readonly atATime: number
  readonly signal: AbortSignal
}

class FileSource<Found> implements LinesFile<Found> {
  readonly name: string
  readonly #options: LinesFileOptions<Found>
  readonly #clock: () => number
  readonly #closing = new AbortController()
  #current: LineEntries<Found>
  /** Of the file that was last read, well or badly. */
  #identity = ''
  /** One reading at a time. */
  #reading: Promise<void> = Promise.resolve()
  #watch: { close(): void } | undefined

  constructor(options: LinesFileOptions<Found>) {
    this.name = `${options.kind}:${options.path}`
    this.#options = options
    this.#clock = options.clock ?? Date.now
    this.#current = options.noEntries()
  }

  async start(): Promise<void> {
    await this.#load()
    this.#watch = watchBeside(this.#options.path, () => {
      this.#reading = this.#reading.then(async () => {
        await this.#look()
      })
    })
  }

  get entries(): number {
    return this.#current.count
  }

  policiesFor(recipients: readonly string[], signal: AbortSignal): Answers<Found> {
    const entries = this.#current
    const atATime = Math.max(1, Math.floor(stepsAtATime / (entries.stepsOfLookUp ?? 1)))
    return recipients.length <= atATime
      ? recipients.map((recipient) => entries.lookUp(recipient))
      : this.#inTurns(recipients, { entries, atATime, signal })
  }

  /** Others get their turn in between. */
  async #inTurns(
    recipients: readonly string[],
    { entries, atATime, signal }: Turns<Found>,
  ): Promise<readonly Answer<Found>[]> {
    const answers: (Found | Unknown)[] = []
    for (let at = 0; at < recipients.length; at += atATime) {
      if (signal.aborted) return allAbandoned(recipients, this.name)
      for (const recipient of recipients.slice(at, at + atATime))
        answers.push(entries.lookUp(recipient))
      await setImmediate()
    }
    return answers
  }

  async reload(): Promise<void> {
    const reading = this.#reading.then(async () => {
      if (!this.#closed()) await this.#load()
    })
    // Who comes next is not told of it.
    this.#reading = reading.catch(() => undefined)
    await reading
  }

  async close(): Promise<void> {
    this.#watch?.close()
    this.#closing.abort()
    await this.#reading
  }

  /**
   * Reads the file when it is another one than before and nobody is writing to it any more. Never
   * rejects.
   */
  async #look(): Promise<void> {
    let identity = await identify(this.#options.path)
    for (let look = 0; identity !== this.#identity && look < writingLooks; look++) {
      try {
        await setTimeout(writingMs, undefined, { signal: this.#closing.signal, ref: false })
      } catch {
        return
      }
      const before = identity
      identity = await identify(this.#options.path)
      if (identity === before) break
    }
    if (identity !== this.#identity) await this.#loadOrKeep()
  }

  async #loadOrKeep(): Promise<void> {
    if (this.#closed()) return
    try {
      await this.#load()
    } catch (error) {
      if (this.#closed()) return
      const why = error instanceof Error ? error.message : String(error)
      this.#options.onFact({
        kind: 'policiesKept',
        at: this.#clock(),
        file: this.#options.path,
        why,
      })
    }
  }

  async #load(): Promise<void> {
    const { path, noEntries, onFact } = this.#options
    const entries = noEntries()
    let line = 0
    for await (const lines of this.#lines()) for (const text of lines) entries.add(text, ++line)
    entries.end?.()
    if (entries.mistakes.length > 0) throw new Error(describe(path, entries))
    this.#current = entries
    onFact({ kind: 'policiesLoaded', at: this.#clock(), file: path, entries: entries.count })
  }

  /** Some at a time; others get their turn in between. */
  async *#lines(): AsyncGenerator<readonly string[]> {
    const { path, namedIn } = this.#options
    try {
      await using file = await open(path)
      this.#identity = identityOf(await file.stat({ bigint: true }))
      yield* linesOf(file, this.#closing.signal)
    } catch (error) {
      const code = codeOf(error)
      if (code === (await identify(path))) this.#identity = code
      throw new Error(`${path}: ${reasonsOf(namedIn).get(code) ?? String(error)}`, { cause: error })
    }
  }

  #closed(): boolean {
    return this.#closing.signal.aborted
  }
}

/**
 * @throws Error with the code of the system, `ERR_ENCODING_INVALID_ENCODED_DATA`, or
 *   `ERR_LINE_TOO_LONG`
 */
async function* linesOf(file: FileHandle, signal: AbortSignal): AsyncGenerator<readonly string[]> {
  const decoder = new TextDecoder('utf-8', { fatal: true })
  const buffer = Buffer.allocUnsafe(octetsAtATime)
  let unfinished = ''
  for (;;) {
    const { bytesRead } = await file.read(buffer)
    signal.throwIfAborted()
    const isOver = bytesRead === 0
    const text = decoder.decode(buffer.subarray(0, bytesRead), { stream: !isOver })
    const lines = (unfinished + text).split('\n')
    unfinished = isOver ? '' : (lines.pop() ?? '')
    if (unfinished.length > longestLine)
      throw Object.assign(new Error('a line is too long'), { code: 'ERR_LINE_TOO_LONG' })
    yield lines
    if (isOver) return
  }
}

const reasonsOf = (namedIn: string): ReadonlyMap<string, string> =>
  new Map([
    ['ENOENT', `there is no such file; create it, or take it out of ${namedIn}`],
    ['EACCES', 'no permission to read it; check its owner and mode'],
    ['EISDIR', 'is a directory, expected a file'],
    ['ERR_LINE_TOO_LONG', `has a line of more than ${longestLine} characters`],
    ['ERR_ENCODING_INVALID_ENCODED_DATA', 'is not in UTF-8; save it as UTF-8'],
  ])

/** What makes a file another one: its place on the disk, size and times. */
const identityOf = (stats: BigIntStats): string =>
  [stats.dev, stats.ino, stats.size, stats.mtimeNs, stats.ctimeNs].join(':')

/** As `identityOf`; the error's code when there is no such file. */
async function identify(path: string): Promise<string> {
  try {
    return identityOf(await stat(path, { bigint: true }))
  } catch (error) {
    return codeOf(error)
  }
}

const codeOf = (error: unknown): string =>
  error instanceof Error && 'code' in error ? String(error.code) : 'unknown'

function describe(path: string, { mistakes, mistakeCount }: LineEntries<unknown>): string {
  const told = mistakes.slice(0, mistakesTold).map(({ line, why }) => `${path}:${line}: ${why}`)
  const rest = mistakeCount - told.length
  return [...told, ...(rest > 0 ? [`and ${rest} more`] : [])].join('\n')
}
