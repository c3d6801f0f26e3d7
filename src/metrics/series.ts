/** One object a series, looked up by its label values, in the order of the metric's labels. */
export function series<Child>(
  make: (...values: readonly string[]) => Child,
): (...values: readonly string[]) => Child {
  const known = new Map<string, Child>()
  return (...values) => {
    const key = values.join('\n')
    const child = known.get(key)
    if (child !== undefined) return child
    const made = make(...values)
    known.set(key, made)
    return made
  }
}
