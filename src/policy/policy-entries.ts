/**
 * The entries of a policy file, made to be looked up for each RCPT: no allocation but the keys.
 * Pure.
 */
import { parseAddressPattern } from './address-pattern.ts'
import { LargeMap } from './large-map.ts'
import type { LineEntries, LineMistake } from './line-entries.ts'
import { lookUpKeys } from './look-up-keys.ts'
import { parsePolicyLine } from './policy-line.ts'
import type { NamedPolicy, Unknown } from './policy-source.ts'

const unknown: Unknown = { kind: 'unknown' }

/**
 * An entry is one number, its line times the number of policies plus the policy: a million entries
 * are no objects, which the garbage collector would move.
 *
 * Entries by address, which are found as they are written first, then without regard to case.
 */
class EntriesByAddress {
  readonly #written = new LargeMap<number>()
  /** In lower case, of those entries only that are written otherwise. */
  readonly #folded = new LargeMap<number>()

  /** The entry that is there already under this very key. */
  before(key: string): number | undefined {
    return this.#written.get(key)
  }

  add(key: string, entry: number): void {
    this.#written.set(key, entry)
    const folded = key.toLowerCase()
    if (folded !== key && !this.#folded.has(folded)) this.#folded.set(folded, entry)
  }

  /** An entry written in lower case stands over others that differ by case alone. */
  find(key: string): number | undefined {
    const exact = this.#written.get(key)
    if (exact !== undefined) return exact
    const folded = key.toLowerCase()
    return this.#written.get(folded) ?? this.#folded.get(folded)
  }
}

/** A file that is none of policies may have a mistake in each of its lines. */
const mostMistakes = 100
const longestWhy = 500
const mostPoliciesNamed = 20

export class PolicyEntries implements LineEntries<NamedPolicy> {
  /** The first ones. */
  readonly mistakes: LineMistake[] = []
  /** All of them. */
  mistakeCount = 0
  /** Entries. */
  count = 0
  readonly #entries = {
    address: new EntriesByAddress(),
    detailed: new EntriesByAddress(),
    domain: new EntriesByAddress(),
  }
  readonly #answers: readonly NamedPolicy[]
  readonly #numbers: ReadonlyMap<string, number>

  /** `names`: the policies that there are. */
  constructor(names: readonly string[]) {
    this.#answers = names.map((name) => ({ kind: 'named', name }))
    this.#numbers = new Map(names.map((name, number) => [name, number]))
  }

  /** Takes one line of the file; what is wrong with it goes to `mistakes`. */
  add(text: string, line: number): void {
    const why = this.#add(text, line)
    if (why === undefined) return
    this.mistakeCount++
    if (this.mistakes.length >= mostMistakes) return
    this.mistakes.push({
      line,
      why: why.length <= longestWhy ? why : `${why.slice(0, longestWhy)}...`,
    })
  }

  get #policyNames(): string {
    const names = [...this.#numbers.keys()]
    const more = names.length - mostPoliciesNamed
    return [...names.slice(0, mostPoliciesNamed), ...(more > 0 ? [`${more} more`] : [])].join(', ')
  }

  #add(text: string, line: number): string | undefined {
    const parsed = parsePolicyLine(text)
    if (parsed.kind === 'blank') return undefined
    if (parsed.kind === 'mistake') return parsed.why
    const pattern = parseAddressPattern(parsed.address)
    if (!pattern.ok) return pattern.why
    const number = this.#numbers.get(parsed.policy)
    if (number === undefined) {
      if (this.mistakes.length >= mostMistakes) return 'is one of many'
      return `${parsed.address}: there is no policy "${parsed.policy}", expected one of ${this.#policyNames}`
    }
    const { of, key } = pattern
    const before = this.#entries[of].before(key)
    if (before !== undefined)
      return `${parsed.address} is there already, in line ${this.#lineOf(before)}; keep one of them`
    this.#entries[of].add(key, line * this.#answers.length + number)
    this.count++
    return undefined
  }

  /** The address itself, then the address with any detail, then its domain. */
  lookUp(recipient: string): NamedPolicy | Unknown {
    const { address, withoutDetail, domain } = lookUpKeys(recipient)
    const entries = this.#entries
    const entry =
      entries.address.find(address) ??
      (withoutDetail === undefined ? undefined : entries.detailed.find(withoutDetail)) ??
      (domain === undefined ? undefined : entries.domain.find(domain))
    const answer = entry === undefined ? undefined : this.#answers[entry % this.#answers.length]
    return answer ?? unknown
  }

  #lineOf(entry: number): number {
    return Math.floor(entry / this.#answers.length)
  }
}
