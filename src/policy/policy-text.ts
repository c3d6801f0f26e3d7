/**
 * A policy in one text: its name, or its values in braces, as in the configuration and in JSON:
 * `{ tag_at: 5, spamd: { reject_at: 8 } }`. Pure.
 */

export type Columns = Readonly<Record<string, unknown>>

export type PolicyText =
  { readonly ok: true; readonly columns: Columns } | { readonly ok: false; readonly why: string }

const token = /\s*(?:([{}[\],:])|"((?:[^"\\]|\\.)*)"|'((?:[^']|'')*)'|([^\s{}[\],:"']+))/y
/** `spamd` within the policy, and a list within that. */
const deepest = 3

type Token = { readonly mark: string } | { readonly value: string | null }

class MistakeError extends Error {}

export function parsePolicyText(text: string): PolicyText {
  const written = text.trim()
  if (!written.startsWith('{')) return { ok: true, columns: { policy: written } }
  try {
    const reader = new Reader(written)
    const value = reader.value(0)
    reader.end()
    return { ok: true, columns: value as Columns }
  } catch (error) {
    if (error instanceof MistakeError) return { ok: false, why: error.message }
    throw error
  }
}

class Reader {
  readonly #text: string
  #at = 0
  #next: Token | undefined

  constructor(text: string) {
    this.#text = text
    this.#next = this.#read()
  }

  value(depth: number): unknown {
    if (depth > deepest) throw new MistakeError('there are too many braces or brackets')
    const taken = this.#take()
    if (taken === undefined) throw new MistakeError('it ends within its braces')
    if ('value' in taken) return taken.value
    if (taken.mark === '{') return Object.fromEntries(this.#all('}', () => this.#member(depth)))
    if (taken.mark === '[') return this.#all(']', () => this.value(depth + 1))
    throw new MistakeError(`there is a ${taken.mark} in place of a value`)
  }

  end(): void {
    if (this.#next !== undefined) throw new MistakeError('it goes on behind its braces')
  }

  #member(depth: number): readonly [string, unknown] {
    const key = this.#take()
    if (key === undefined || 'mark' in key || key.value === null)
      throw new MistakeError('there is no key before a value; write { tag_at: 5 }')
    if (!this.#isMark(':')) throw new MistakeError(`there is no colon behind ${key.value}`)
    this.#take()
    return [key.value, this.value(depth + 1)]
  }

  #all<One>(end: string, one: () => One): readonly One[] {
    const all: One[] = []
    while (!this.#isMark(end)) {
      all.push(one())
      if (this.#isMark(',')) this.#take()
      else if (!this.#isMark(end)) throw new MistakeError(`there is no ${end} or comma`)
    }
    this.#take()
    return all
  }

  #isMark(mark: string): boolean {
    return this.#next !== undefined && 'mark' in this.#next && this.#next.mark === mark
  }

  #take(): Token | undefined {
    const taken = this.#next
    this.#next = this.#read()
    return taken
  }

  #read(): Token | undefined {
    token.lastIndex = this.#at
    const found = token.exec(this.#text)
    if (found === null) {
      if (this.#text.slice(this.#at).trim() === '') return undefined
      throw new MistakeError('there is a quote that does not end')
    }
    this.#at = token.lastIndex
    const [, mark, double, single, word] = found
    if (mark !== undefined) return { mark }
    if (double !== undefined) return { value: unescaped(double) }
    return { value: single?.replaceAll("''", "'") ?? (word === 'null' ? null : (word ?? '')) }
  }
}

function unescaped(text: string): string {
  try {
    return String(JSON.parse(`"${text}"`))
  } catch {
    throw new MistakeError('there is an escape that is not known')
  }
}
