/**
 * Messages whose refusal is reported to nobody: what a program or a list sent (RFC 3834 2). A
 * report would go to many people, to nobody, or round in a circle; a list's software would take
 * subscribers off its list for it.
 */
import type { HeaderField } from '../message/header-fields.ts'

export type Automatic = 'null sender' | 'list' | 'automatic'

/**
 * Local parts that programs and lists send from (RFC 3834 2; the others are what list software
 * uses).
 */
const programs =
  /^(?:mailer-daemon$|owner-|bounces?[-+=])|-(?:request|owner|bounces?|return)(?:[-+=]|$)/i

/**
 * Why nothing is reported; undefined when a person may have sent it. `reversePath` is an address,
 * empty for the null path.
 */
export function whyAutomatic(
  reversePath: string,
  fields: readonly HeaderField[],
): Automatic | undefined {
  if (reversePath === '') return 'null sender'
  const at = reversePath.lastIndexOf('@')
  if (programs.test(at === -1 ? reversePath : reversePath.slice(0, at))) return 'list'
  for (const field of fields) {
    const why = automaticBy(field)
    if (why !== undefined) return why
  }
  return undefined
}

function automaticBy({ name, value: written }: HeaderField): Automatic | undefined {
  if (name.startsWith('list-')) return 'list' // RFC 2369, RFC 2919, RFC 8058
  const value = written.trim()
  switch (name) {
    case 'precedence':
      return /^(?:bulk|list|junk)\b/i.test(value) ? 'list' : undefined
    case 'auto-submitted': // RFC 3834 5
      return /^no\b/i.test(value) ? undefined : 'automatic'
    case 'content-type': // a report itself, whatever its reverse-path (RFC 6522)
      return /^multipart\/report\b/i.test(value) ? 'automatic' : undefined
    case 'x-auto-response-suppress': // MS-OXCMAIL 2.2.3.2.14
      return /\b(?:ndr|all)\b/i.test(value) ? 'automatic' : undefined
    default:
      return undefined
  }
}
