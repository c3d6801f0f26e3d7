/**
 * The rules of a table as Postfix reads it by `regexp:` (regexp_table(5)): the first pattern that
 * matches the address counts. It is the whole address, with its detail. Pure.
 */
import type { RE2JS } from 're2js'
import { lookUpKeys } from '../look-up-keys.ts'
import type { Unknown } from '../policy-source.ts'
import { shown } from '../shown.ts'
import { MapLines } from './map-lines.ts'
import type { MapValues } from './map-values.ts'
import { posixPattern } from './posix-pattern.ts'

const unknown: Unknown = { kind: 'unknown' }

/** Each look-up may try all of them, some microseconds each. */
export const mostRules = 1000
/** RFC 5321 4.5.3.1; nobody has more. */
const longestAddress = 512

interface Pattern {
  readonly pattern: RE2JS
  readonly negated: boolean
}

type Rule<Found> =
  | (Pattern & { readonly found: Found })
  /** Groups stand in its value. */
  | (Pattern & { readonly pieces: readonly (string | number)[] })
  /** Behind `endif`. */
  | (Pattern & { behind: number })

export class RegexpEntries<Found> extends MapLines<Found> {
  readonly #values: MapValues<Found>
  readonly #rules: Rule<Found>[] = []
  /** The `if` that have no `endif` yet. */
  readonly #open: { behind: number }[] = []

  constructor(values: MapValues<Found>) {
    super()
    this.#values = values
  }

  get count(): number {
    return this.#rules.length
  }

  get stepsOfLookUp(): number {
    return this.#rules.length
  }

  lookUp(recipient: string): Found | Unknown {
    const { address } = lookUpKeys(recipient)
    if (address.length > longestAddress) return unknown
    for (let i = 0; i < this.#rules.length;) {
      const rule = this.#rules[i]
      if (rule === undefined) break
      const holds = rule.pattern.test(address) !== rule.negated
      if ('behind' in rule) {
        i = holds ? i + 1 : rule.behind
        continue
      }
      const found = holds ? this.#foundBy(rule, address) : undefined
      if (found !== undefined) return found
      i++
    }
    return unknown
  }

  #foundBy(rule: Exclude<Rule<Found>, { behind: number }>, address: string): Found | undefined {
    if ('found' in rule) return rule.found
    const matcher = rule.pattern.matcher(address)
    if (!matcher.find()) return undefined
    const value = rule.pieces.map((piece) =>
      typeof piece === 'string' ? piece : (matcher.group(piece) ?? ''),
    )
    return this.#values.late(value.join(''), address)
  }

  protected take(text: string): string | undefined {
    if (this.#rules.length >= mostRules) return `there are more than ${mostRules} rules`
    try {
      this.#take(text)
      return undefined
    } catch (error) {
      return error instanceof Error ? error.message : String(error)
    }
  }

  protected override finish(): string | undefined {
    return this.#open.length === 0 ? undefined : 'there is an "if" without its "endif"'
  }

  /** @throws Error that says what is wrong with it */
  #take(text: string): void {
    if (/^endif\s*$/i.test(text)) {
      const begun = this.#open.pop()
      if (begun === undefined) throw new Error('there is no "if" for this "endif"')
      begun.behind = this.#rules.length
      return
    }
    const condition = /^if\s+/i.exec(text)?.[0]
    const { pattern, negated, value } = readRule(text.slice(condition?.length ?? 0))
    if (condition !== undefined) {
      if (value !== '') throw new Error(`expected nothing behind the pattern, got ${shown(value)}`)
      const begun = { pattern, negated, behind: 0 }
      this.#open.push(begun)
      this.#rules.push(begun)
      return
    }
    const pieces = piecesOf(value, pattern.groupCount())
    if (pieces.some((piece) => typeof piece === 'number')) {
      if (negated) throw new Error('what does not match has no groups; leave the $ out')
      this.#rules.push({ pattern, negated, pieces })
      return
    }
    const read = this.#values.read(pieces.join(''), 'regexp')
    if (!read.ok) throw new Error(read.why)
    this.#rules.push({ pattern, negated, found: read.found })
  }
}

function readRule(text: string): Pattern & { readonly value: string } {
  const negated = text.startsWith('!')
  const written = negated ? text.slice(1).trimStart() : text
  const [delimiter = ''] = written
  if (delimiter === '' || /[A-Za-z0-9\s\\]/.test(delimiter))
    throw new Error(`expected "/pattern/ value", got ${shown(text)}`)
  const end = endOfPattern(written, delimiter)
  const behind = written.slice(end + 1)
  const flags = /^\w*/.exec(behind)?.[0] ?? ''
  return {
    pattern: posixPattern(written.slice(1, end), flags),
    negated,
    value: behind.slice(flags.length).trim(),
  }
}

function endOfPattern(text: string, delimiter: string): number {
  for (let at = 1; at < text.length; at++) {
    if (text[at] === '\\') at++
    else if (text[at] === delimiter) return at
  }
  throw new Error(`the pattern has no ${delimiter} at its end`)
}

const group = /\$(?:\$|(\d)|\{(\d+)\}|\((\d+)\)|)/g

/** `$1`, `${1}` and `$(1)` are groups, `$$` is a dollar. */
function piecesOf(value: string, groups: number): readonly (string | number)[] {
  if (value === '') throw new Error('there is no value behind the pattern')
  const pieces: (string | number)[] = []
  let at = 0
  for (const found of value.matchAll(group)) {
    pieces.push(value.slice(at, found.index))
    at = found.index + found[0].length
    const number = found[1] ?? found[2] ?? found[3]
    if (number === undefined && found[0] !== '$$')
      throw new Error('a $ stands alone; write $1 for a group, or $$')
    if (Number(number) > groups) throw new Error(`the pattern has no group ${number ?? ''}`)
    pieces.push(number === undefined ? '$' : Number(number))
  }
  return [...pieces, value.slice(at)]
}
