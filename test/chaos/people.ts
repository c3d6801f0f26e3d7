/**
 * Who has a mailbox behind, what they want, and what can be wrong with a mailbox. What is said here
 * is the truth that a run is held to.
 */

export type PolicyName = 'tag-only' | 'careful' | 'strict'

/** Scores from which each refuses; the product is configured with the same numbers. */
const refusesFrom: Readonly<Record<PolicyName, number>> = {
  'tag-only': Infinity,
  careful: 15,
  strict: 8,
}

/** The last two differ in case alone, and are two people. */
export const people: ReadonlyMap<string, PolicyName> = new Map([
  ['ann@example.org', 'tag-only'],
  ['ben@example.org', 'tag-only'],
  ['cho@example.org', 'strict'],
  ['dan@example.org', 'strict'],
  ['eve@example.org', 'careful'],
  ['fay@example.org', 'careful'],
  ['gus@example.org', 'strict'],
  ['hal@example.org', 'tag-only'],
  ['Bob@example.org', 'strict'],
  ['bob@example.org', 'tag-only'],
])

export const accepts = (address: string, score: number): boolean =>
  score < refusesFrom[people.get(address) ?? 'careful']

export const recipientsFile = [...people]
  .map(([address, policy]) => `"${address}": ${policy}\n`)
  .join('')

/** What is wrong with a mailbox, and where its server says so. */
export const boxTroubles = [
  '4yz at RCPT',
  '5yz at RCPT',
  '4yz at the dot',
  '5yz at the dot',
] as const
export type BoxTrouble = (typeof boxTroubles)[number]
/** By address; who is not here has room. */
export type Boxes = Readonly<Record<string, BoxTrouble>>
