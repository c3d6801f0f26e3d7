/**
 * The lines of a file that one of Postfix's maps is made of (postmap(1), regexp_table(5)): a line
 * that begins with a blank goes on with the one before it, comments and empty lines are left out,
 * also in between. Pure.
 */
import type { LineEntries, LineMistake } from '../line-entries.ts'
import type { Unknown } from '../policy-source.ts'

/** A file that is no map may have a mistake in each of its lines. */
const mostMistakes = 100

export abstract class MapLines<Found> implements LineEntries<Found> {
  /** The first ones. */
  readonly mistakes: LineMistake[] = []
  mistakeCount = 0
  /** The logical line that may go on. */
  #pieces: string[] = []
  #line = 0

  abstract get count(): number
  abstract lookUp(recipient: string): Found | Unknown
  /** Takes a logical line; gives what is wrong with it. */
  protected abstract take(text: string, line: number): string | undefined

  add(text: string, line: number): void {
    const written = text.trimEnd()
    if (written === '' || written.trimStart().startsWith('#')) return
    if (this.#pieces.length > 0 && /^[ \t]/.test(written)) {
      this.#pieces.push(written)
      return
    }
    this.#flush()
    this.#pieces = [written]
    this.#line = line
  }

  end(): void {
    this.#flush()
    const why = this.finish()
    if (why !== undefined) this.mistake(why, this.#line)
  }

  /** What is wrong where the file ends. */
  protected finish(): string | undefined {
    return undefined
  }

  protected mistake(why: string, line: number): void {
    this.mistakeCount++
    if (this.mistakes.length < mostMistakes) this.mistakes.push({ line, why })
  }

  #flush(): void {
    const text = this.#pieces.join('')
    this.#pieces = []
    if (text === '') return
    const why = /^\s/.test(text)
      ? 'the line begins with a blank, and there is none before it that it could go on with'
      : this.take(text, this.#line)
    if (why !== undefined) this.mistake(why, this.#line)
  }
}
