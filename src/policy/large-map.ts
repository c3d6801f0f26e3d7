/**
 * A map with a million keys that grows without a pause: V8 makes a map of its own twice as large
 * with all its keys at once, which takes 100 ms where there are a million. Pure.
 */

/** Each has some 16,000 of a million keys, and is made larger within a millisecond or two. */
const parts = 64

export class LargeMap<Value> {
  readonly #parts: readonly Map<string, Value>[] = Array.from({ length: parts }, () => new Map())

  get size(): number {
    return this.#parts.reduce((sum, part) => sum + part.size, 0)
  }

  get(key: string): Value | undefined {
    return this.#partOf(key).get(key)
  }

  has(key: string): boolean {
    return this.#partOf(key).has(key)
  }

  set(key: string, value: Value): void {
    this.#partOf(key).set(key, value)
  }

  #partOf(key: string): Map<string, Value> {
    return partOf(this.#parts, key)
  }
}

/** The part that a key belongs to. */
export function partOf<Part>(all: readonly Part[], key: string): Part {
  const part = all[hashOf(key) % all.length]
  if (part === undefined) throw new RangeError('there is no such part')
  return part
}

/** FNV-1a, which tells keys apart that differ in a digit. */
function hashOf(key: string): number {
  let hash = 0x811c9dc5
  for (let i = 0; i < key.length; i++) hash = Math.imul(hash ^ key.charCodeAt(i), 0x01000193)
  return (hash >>> 16) ^ (hash & 0xffff)
}
