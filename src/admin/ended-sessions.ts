/**
 * Sessions that were ended before their time, so that nobody uses them again: in memory, and in a
 * file for a restart. It is bounded; where the file can't be used, a session ends here and now all
 * the same, and that is told.
 */
import { appendFileSync, readFileSync, renameSync, writeFileSync } from 'node:fs'

/** Sessions that are remembered. */
export const mostEnded = 10_000

export interface EndedSessionsOptions {
  /** Absent: they are forgotten with the process. */
  readonly file?: string
  readonly now: () => number
  readonly onTrouble: (why: string) => void
}

export class EndedSessions {
  readonly #options: EndedSessionsOptions
  /** By id, until when they would have lasted. */
  readonly #ended: Map<string, number>
  /** Lines of the file. */
  #lines: number

  constructor(options: EndedSessionsOptions) {
    this.#options = options
    const read = this.#read()
    this.#lines = read.length
    this.#ended = new Map(read.slice(-mostEnded))
    this.#forget()
  }

  has(id: string): boolean {
    return this.#ended.has(id)
  }

  /** `until`: ms since the epoch. */
  end(id: string, until: number): void {
    this.#forget()
    this.#ended.set(id, until)
    const { file, onTrouble } = this.#options
    if (file === undefined) return
    try {
      if (this.#lines < 2 * mostEnded) {
        appendFileSync(file, lineOf([id, until]), { mode: 0o600 })
        this.#lines++
      } else this.#writeAnew(file)
    } catch (error) {
      onTrouble(`${wordsOf(error)}; a session that was ended holds again after a restart`)
    }
  }

  /** Those that would be over by now, and the first ones where there are too many. */
  #forget(): void {
    for (const [id, until] of this.#ended)
      if (until <= this.#options.now() || this.#ended.size >= mostEnded) this.#ended.delete(id)
  }

  #writeAnew(file: string): void {
    const next = `${file}.new`
    writeFileSync(next, [...this.#ended].map(lineOf).join(''), { mode: 0o600 })
    renameSync(next, file)
    this.#lines = this.#ended.size
  }

  #read(): readonly (readonly [string, number])[] {
    const { file, onTrouble } = this.#options
    if (file === undefined) return []
    try {
      return readFileSync(file, 'utf8').split('\n').flatMap(entryIn)
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'ENOENT') onTrouble(wordsOf(error))
      return []
    }
  }
}

/** It begins with the line's end, so that half a line that a crash has left stays alone. */
const lineOf = ([id, until]: readonly [string, number]): string => `\n${id} ${until}`

function entryIn(line: string): readonly (readonly [string, number])[] {
  const [id = '', until = ''] = line.split(' ')
  return /^[\w-]{12}$/.test(id) && /^\d{13}$/.test(until) ? [[id, Number(until)]] : []
}

const wordsOf = (error: unknown): string =>
  `ended sessions: ${error instanceof Error ? error.message : String(error)}`
