/**
 * What runs beside a test and can tell what it has seen: the message of a wait that was in vain has
 * it all, since nobody knows beforehand who was at fault.
 */

interface Witness {
  readonly name: string
  readonly tell: () => string
}

const witnesses = new Set<Witness>()

/** Until it is disposed. */
export function callWitness(name: string, tell: () => string): Disposable {
  const witness = { name, tell }
  witnesses.add(witness)
  return { [Symbol.dispose]: () => void witnesses.delete(witness) }
}

export const testimony = (): string =>
  [...witnesses].map(({ name, tell }) => `\n== ${name}\n${tell()}`).join('')
