/**
 * What there is for now, in the order in which it came, and each taken out at any time:
 * connections, transactions. Not a Set: one that makes its table anew leaves a reference to the new
 * table in the one before, so that a table that has come into the old generation keeps all tables
 * behind it, with all that was in them, until a full collection (decision 18).
 */
export class LinkedList<T> {
  #first: Link<T> | undefined
  #last: Link<T> | undefined
  #size = 0

  get size(): number {
    return this.#size
  }

  /** Behind all others. What it gives takes it out again. */
  add(value: T): Link<T> {
    const link: Link<T> = { value, before: this.#last, behind: undefined }
    if (this.#last === undefined) this.#first = link
    else this.#last.behind = link
    this.#last = link
    this.#size++
    return link
  }

  /** Of this list. Nothing happens when it was taken out already. */
  remove(link: Link<T>): void {
    if (link.value === undefined) return
    const { before, behind } = link
    if (before === undefined) this.#first = behind
    else before.behind = behind
    if (behind === undefined) this.#last = before
    else behind.before = before
    link.value = link.before = link.behind = undefined
    this.#size--
  }

  /** Those that are there now, and still are when it is their turn. */
  *[Symbol.iterator](): Generator<T, void> {
    const links: Link<T>[] = []
    for (let link = this.#first; link !== undefined; link = link.behind) links.push(link)
    for (const link of links) if (link.value !== undefined) yield link.value
  }
}

/** The place of one of them. */
export interface Link<T> {
  /** Undefined once it was taken out. */
  value: T | undefined
  before: Link<T> | undefined
  behind: Link<T> | undefined
}
