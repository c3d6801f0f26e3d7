/** One object a series, looked up by its label values, in the order of the metric's labels. */
export function series<Child>(
  make: (...values: readonly string[]) => Child,
): (...values: readonly string[]) => Child {
  const known = new Known<Child>()
  return (...values) => {
    let at = known
    for (const value of values) at = at.below(value)
    return (at.child ??= make(...values))
  }
}

/** What is known of some values; below it, of one more. A text of all of them would be garbage. */
class Known<Child> {
  child: Child | undefined
  readonly #below = new Map<string, Known<Child>>()

  below(value: string): Known<Child> {
    const known = this.#below.get(value)
    if (known !== undefined) return known
    const made = new Known<Child>()
    this.#below.set(value, made)
    return made
  }
}
