/** The author of a message, for what is said of it by name. */
import type { HeaderField } from './header-fields.ts'

const inBrackets = /^(?:"(?:[^"\\]|\\.)*"[ \t]*|[^"<>,;:@]*)<([^<>@ \t,]+)@([^<>@ \t,]+)>$/
const bare = /^([^ \t"<>@,;:]+)@([^ \t"<>@,;:]+)$/

export interface Author {
  readonly local: string
  readonly domain: string
}

/**
 * As it is written, octets. Undefined unless there is exactly one From field, with one address in a
 * plain form: a second one could be anybody's.
 */
export function authorOf(
  fields: readonly Pick<HeaderField, 'name' | 'value'>[],
): Author | undefined {
  const [from, ...more] = fields.filter(({ name }) => name === 'from')
  if (from === undefined || more.length > 0) return undefined
  const value = from.value.trim()
  const [, local, domain] = inBrackets.exec(value) ?? bare.exec(value) ?? []
  return local === undefined || domain === undefined ? undefined : { local, domain }
}
