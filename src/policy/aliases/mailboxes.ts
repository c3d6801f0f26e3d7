/**
 * Which mailboxes are behind addresses: from alias to alias, for all recipients of a question
 * together, so that each step is one question a source. An address that no source has is a mailbox;
 * so is one that leads to itself.
 */
import type { Answer, Failed, OnFailure } from '../policy-source.ts'
import { type Alias, type AliasSource, leadsTo, sameAddress } from './alias.ts'

export interface ConfiguredAliases {
  readonly source: AliasSource
  /** Of this source; absent: as for all. */
  readonly onFailure?: OnFailure | undefined
}

export interface AliasLimits {
  /** From alias to alias. */
  readonly mostSteps: number
  /** Behind one address. */
  readonly mostMailboxes: number
}

export interface Mailboxes {
  readonly kind: 'mailboxes'
  /** At least one. */
  readonly of: readonly [string, ...string[]]
  /** Why the aliases were not followed to their end, and the address itself counts. */
  readonly trouble?: string
}

export type AskMailboxes = (
  recipients: readonly string[],
  signal: AbortSignal,
) => Promise<readonly (Mailboxes | Failed)[]>

/** Sources are asked in order; the first that has an address counts. */
export function mailboxesBehind(
  sources: readonly ConfiguredAliases[],
  limits: AliasLimits,
): AskMailboxes {
  return async (recipients, signal) => {
    const searches = recipients.map((recipient) => new Search(recipient, limits))
    for (let steps = 0; steps <= limits.mostSteps; steps++) {
      const asked = new Set(searches.flatMap(({ reached }) => reached))
      if (asked.size === 0) break
      const answers = await askAll([...asked], { sources, signal })
      for (const search of searches) search.step(answers)
    }
    return searches.map((search) => search.result())
  }
}

interface Asking {
  readonly sources: readonly ConfiguredAliases[]
  readonly signal: AbortSignal
}

async function askAll(
  addresses: readonly string[],
  { sources, signal }: Asking,
): Promise<ReadonlyMap<string, Answer<Alias>>> {
  const answers = new Map<string, Answer<Alias>>()
  let left = addresses
  for (const { source, onFailure } of sources) {
    if (left.length === 0) break
    const given = await source.policiesFor(left, signal)
    for (const [i, address] of left.entries()) {
      const answer = given[i] ?? { kind: 'unknown' }
      const isOwn = answer.kind === 'failed' && onFailure !== undefined
      answers.set(address, isOwn ? { ...answer, onFailure } : answer)
    }
    left = left.filter((address) => answers.get(address)?.kind === 'unknown')
  }
  return answers
}

/** What is found of one recipient. */
class Search {
  readonly #recipient: string
  readonly #limits: AliasLimits
  /** To be asked for next. */
  reached: readonly string[]
  readonly #seen = new Set<string>()
  readonly #mailboxes = new Map<string, string>()
  #failed: Failed | undefined
  #trouble: string | undefined

  constructor(recipient: string, limits: AliasLimits) {
    this.#recipient = recipient
    this.#limits = limits
    this.reached = [recipient]
    this.#seen.add(sameAddress(recipient))
  }

  step(answers: ReadonlyMap<string, Answer<Alias>>): void {
    const now = this.reached
    this.reached = []
    const next: string[] = []
    for (const address of now) {
      const answer = answers.get(address)
      if (answer?.kind === 'failed') {
        this.#failed = answer
        return
      }
      const isAlias = answer?.kind === 'alias'
      for (const target of isAlias ? leadsTo(address, answer) : [address])
        this.#reach(target, address, next)
    }
    const { mostMailboxes } = this.#limits
    if (this.#mailboxes.size + next.length > mostMailboxes)
      this.#trouble = `there are more than ${mostMailboxes} mailboxes behind it`
    else this.reached = next
  }

  /** What was reached before is not followed again: so loops end. */
  #reach(target: string, from: string, next: string[]): void {
    const key = sameAddress(target)
    if (key === sameAddress(from)) this.#mailboxes.set(key, target)
    else if (!this.#seen.has(key)) {
      this.#seen.add(key)
      next.push(target)
    }
  }

  result(): Mailboxes | Failed {
    if (this.#failed !== undefined) return this.#failed
    const [first, ...others] = this.#mailboxes.values()
    const trouble = this.#trouble ?? this.#unfinished(first)
    return trouble === undefined && first !== undefined
      ? { kind: 'mailboxes', of: [first, ...others] }
      : { kind: 'mailboxes', of: [this.#recipient], trouble: trouble ?? '' }
  }

  #unfinished(first: string | undefined): string | undefined {
    if (this.reached.length > 0)
      return `it leads on after ${this.#limits.mostSteps} steps from alias to alias`
    return first === undefined ? 'its aliases lead round in a circle' : undefined
  }
}
