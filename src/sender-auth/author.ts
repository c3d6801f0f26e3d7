/** The domain of a message's author, for what a judge says of it. */
import { authorOf } from '../message/author.ts'
import type { HeaderField } from '../message/header-fields.ts'
import { canonicalDomainOf } from '../smtp/domain.ts'

/** Undefined where it is not known whose message it is. */
export function authorDomain(
  fields: readonly Pick<HeaderField, 'name' | 'value'>[],
): string | undefined {
  const author = authorOf(fields)
  return author === undefined ? undefined : canonicalDomainOf(author.domain)
}
