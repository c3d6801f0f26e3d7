/**
 * Policies from a file of `address: policy` lines (docs/configuration.md). It is read again when it
 * changes; a file with a mistake leaves the old entries in force.
 */
import { open, stat } from 'node:fs/promises'
import type { BigIntStats } from 'node:fs'
import { setImmediate, setTimeout } from 'node:timers/promises'
import type { FactListener } from '../facts/fact.ts'
import { PolicyEntries } from './policy-entries.ts'
import type { NamedPolicy, PolicySource, Unknown } from './policy-source.ts'
import { watchBeside } from '../files/watch.ts'

export interface PolicyFileOptions {
  readonly path: string
  /** Names of those that the configuration has; an entry with another one is a mistake. */
  readonly policies: readonly string[]
  /** Gets policiesLoaded and policiesKept. */
  readonly onFact: FactListener
  /** ms since the epoch. */
  readonly clock?: () => number
}

export interface PolicyFile extends PolicySource {
  policiesFor(recipients: readonly string[]): readonly (NamedPolicy | Unknown)[]
  /**
   * Reads the file now, changed or not (SIGHUP). Rejects as the opening does; the old entries stay
   * in force then.
   */
  reload(): Promise<void>
  /** Entries in force. */
  readonly entries: number
}

/** Lines read before others get their turn: about 2 ms. */
const linesAtATime = 1000
/**
 * Between two looks at a file that is being written, and how often one looks before reading it all
 * the same.
 */
const writingMs = 100
const writingLooks = 50
const mistakesTold = 5

/**
 * Rejects when the file can't be read or has a mistake at the start; the message has file, line and
 * reason. The caller closes what it gets.
 */
export async function openPolicyFile(options: PolicyFileOptions): Promise<PolicyFile> {
  const source = new FileSource(options)
  await source.start()
  return source
}

class FileSource implements PolicyFile {
  readonly name: string
  readonly #options: PolicyFileOptions
  readonly #clock: () => number
  readonly #closing = new AbortController()
  #current: PolicyEntries
  /** Of the file that was last read, well or badly. */
  #identity = ''
  /** One reading at a time. */
  #reading: Promise<void> = Promise.resolve()
  #watch: { close(): void } | undefined

  constructor(options: PolicyFileOptions) {
    this.name = `file:${options.path}`
    this.#options = options
    this.#clock = options.clock ?? Date.now
    this.#current = new PolicyEntries(options.policies)
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

  policiesFor(recipients: readonly string[]): readonly (NamedPolicy | Unknown)[] {
    return recipients.map((recipient) => this.#current.lookUp(recipient))
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
    const { path, policies, onFact } = this.#options
    const text = await this.#read()
    const entries = new PolicyEntries(policies)
    let line = 0
    for (const lineText of text.split('\n')) {
      entries.add(lineText, ++line)
      if (line % linesAtATime === 0) await setImmediate(undefined, { signal: this.#closing.signal })
    }
    if (entries.mistakes.length > 0) throw new Error(describe(path, entries))
    this.#current = entries
    onFact({ kind: 'policiesLoaded', at: this.#clock(), file: path, entries: entries.count })
  }

  async #read(): Promise<string> {
    const { path } = this.#options
    try {
      await using file = await open(path)
      this.#identity = identityOf(await file.stat({ bigint: true }))
      return new TextDecoder('utf-8', { fatal: true }).decode(await file.readFile())
    } catch (error) {
      const code = codeOf(error)
      if (code === (await identify(path))) this.#identity = code
      throw new Error(`${path}: ${reasons.get(code) ?? String(error)}`, { cause: error })
    }
  }

  #closed(): boolean {
    return this.#closing.signal.aborted
  }
}

const reasons: ReadonlyMap<string, string> = new Map([
  ['ENOENT', 'there is no such file; create it, or take it out of recipients.sources'],
  ['EACCES', 'no permission to read it; check its owner and mode'],
  ['EISDIR', 'is a directory, expected a file'],
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

function describe(path: string, { mistakes, mistakeCount }: PolicyEntries): string {
  const told = mistakes.slice(0, mistakesTold).map(({ line, why }) => `${path}:${line}: ${why}`)
  const rest = mistakeCount - told.length
  return [...told, ...(rest > 0 ? [`and ${rest} more`] : [])].join('\n')
}
