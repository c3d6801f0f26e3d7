/** The domain of a message's author, for what a judge says of it. */
import type { HeaderField } from '../message/header-fields.ts'
import { canonicalDomainOf } from '../smtp/domain.ts'

const inBrackets = /^(?:"(?:[^"\\]|\\.)*"[ \t]*|[^"<>,;:@]*)<[^<>@ \t,]+@([^<>@ \t,]+)>$/
const bare = /^[^ \t"<>@,;:]+@([^ \t"<>@,;:]+)$/

/**
 * Undefined unless there is exactly one From field, with one address in a plain form: a second one
 * could be anybody's.
 */
export function authorDomain(
  fields: readonly Pick<HeaderField, 'name' | 'value'>[],
): string | undefined {
  const [from, ...more] = fields.filter(({ name }) => name === 'from')
  if (from === undefined || more.length > 0) return undefined
  const value = from.value.trim()
  const match = inBrackets.exec(value) ?? bare.exec(value)
  return match?.[1] === undefined ? undefined : canonicalDomainOf(match[1])
}
