/** The entries of a file of aliases, made to be looked up. Pure. */
import { parseAddressPattern } from '../address-pattern.ts'
import { LargeMap } from '../large-map.ts'
import type { LineEntries, LineMistake } from '../line-entries.ts'
import { lookUpKeys } from '../look-up-keys.ts'
import type { Unknown } from '../policy-source.ts'
import { shown } from '../shown.ts'
import { type Alias, isTarget, sameAddress } from './alias.ts'
import { parseAliasLine } from './alias-line.ts'

const unknown: Unknown = { kind: 'unknown' }
/** A file that is none of aliases may have a mistake in each of its lines. */
const mostMistakes = 100

interface Entry {
  readonly alias: Alias
  readonly line: number
}

export class AliasEntries implements LineEntries<Alias> {
  /** The first ones. */
  readonly mistakes: LineMistake[] = []
  mistakeCount = 0
  readonly #byKey = new LargeMap<Entry>()

  get count(): number {
    return this.#byKey.size
  }

  add(text: string, line: number): void {
    const why = this.#add(text, line)
    if (why === undefined) return
    this.mistakeCount++
    if (this.mistakes.length < mostMistakes) this.mistakes.push({ line, why })
  }

  #add(text: string, line: number): string | undefined {
    const parsed = parseAliasLine(text)
    if (parsed.kind === 'blank') return undefined
    if (parsed.kind === 'mistake') return parsed.why
    const { address, to } = parsed
    const pattern = parseAddressPattern(address)
    if (!pattern.ok || pattern.of === 'detailed')
      return `${shown(address)} is no address, expected user@example.org or @example.org`
    const key = sameAddress(pattern.key)
    const odd = to.find((target) => !isTarget(target, key))
    if (odd !== undefined) return `${shown(odd)} is no mailbox, expected user@example.org`
    const before = this.#byKey.get(key)
    if (before !== undefined)
      return `${shown(address)} is there already, in line ${before.line}; put its mailboxes on one line`
    this.#byKey.set(key, { alias: { kind: 'alias', key, to }, line })
    return undefined
  }

  lookUp(recipient: string): Alias | Unknown {
    const { address, withoutDetail, domain } = lookUpKeys(recipient)
    for (const key of [address, withoutDetail, domain]) {
      const entry = key === undefined ? undefined : this.#byKey.get(sameAddress(key))
      if (entry !== undefined) return entry.alias
    }
    return unknown
  }
}
