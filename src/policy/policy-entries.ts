/**
 * The entries of a policy file, made to be looked up for each RCPT: no allocation but the keys.
 * Pure.
 */
import type { Policy } from '../verdict/policy.ts'
import { canonicalOrLower, parseAddressPattern } from './address-pattern.ts'
import { parsePolicyLine } from './policy-line.ts'
import type { PolicyAnswer } from './policy-source.ts'

const unknown: PolicyAnswer = { kind: 'unknown' }

export interface PolicyMistake {
  /** Counts from 1. */
  readonly line: number
  readonly why: string
}

interface Entry {
  readonly answer: PolicyAnswer
  readonly line: number
}

/** A file that is none of policies may have a mistake in each of its lines. */
const mostMistakes = 100
const longestWhy = 500
const mostPoliciesNamed = 20

export class PolicyEntries {
  /** The first ones. */
  readonly mistakes: PolicyMistake[] = []
  /** All of them. */
  mistakeCount = 0
  /** Entries. */
  count = 0
  /** Addresses as they are written in the file. */
  readonly #written = new Map<string, Entry>()
  /** Addresses in lower case, of those entries only that are written otherwise. */
  readonly #folded = new Map<string, Entry>()
  readonly #answers: ReadonlyMap<string, PolicyAnswer>

  constructor(policies: ReadonlyMap<string, Policy>) {
    this.#answers = new Map(
      [...policies].map(([name, policy]) => [name, { kind: 'found', policy }]),
    )
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
    const names = [...this.#answers.keys()]
    const more = names.length - mostPoliciesNamed
    return [...names.slice(0, mostPoliciesNamed), ...(more > 0 ? [`${more} more`] : [])].join(', ')
  }

  #add(text: string, line: number): string | undefined {
    const parsed = parsePolicyLine(text)
    if (parsed.kind === 'blank') return undefined
    if (parsed.kind === 'mistake') return parsed.why
    const pattern = parseAddressPattern(parsed.address)
    if (!pattern.ok) return pattern.why
    const answer = this.#answers.get(parsed.policy)
    if (answer === undefined) {
      if (this.mistakes.length >= mostMistakes) return 'is one of many'
      return `${parsed.address}: there is no policy "${parsed.policy}", expected one of ${this.#policyNames}`
    }
    const { key } = pattern
    const before = this.#written.get(key)
    if (before !== undefined)
      return `${parsed.address} is there already, in line ${before.line}; keep one of them`
    this.#written.set(key, { answer, line })
    const folded = key.toLowerCase()
    if (folded !== key && !this.#folded.has(folded)) this.#folded.set(folded, { answer, line })
    this.count++
    return undefined
  }

  /** The address itself, then the address with any detail, then its domain. */
  lookUp(recipient: string): PolicyAnswer {
    const at = recipient.lastIndexOf('@')
    if (at < 0) return this.#find(recipient) ?? unknown
    const domain = `@${canonicalOrLower(recipient.slice(at + 1))}`
    const local = recipient.slice(0, at)
    const own = this.#find(local + domain)
    if (own !== undefined) return own
    const plus = local.indexOf('+')
    const detailed = plus > 0 ? this.#find(`${local.slice(0, plus)}+*${domain}`) : undefined
    return detailed ?? this.#written.get(domain)?.answer ?? unknown
  }

  /**
   * As written first; then without regard to case, where an entry written in lower case stands over
   * others.
   */
  #find(address: string): PolicyAnswer | undefined {
    const exact = this.#written.get(address)
    if (exact !== undefined) return exact.answer
    const folded = address.toLowerCase()
    return (this.#written.get(folded) ?? this.#folded.get(folded))?.answer
  }
}
