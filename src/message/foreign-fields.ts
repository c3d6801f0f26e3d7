/**
 * Header fields that only the filters of this site may write: a field of that kind that a stranger
 * has sent is believed by nobody, since it is gone before anybody looks. They are fields about spam
 * (`X-Spam-…`, `X-Spamd-…`, `X-Rspamd-…`), those of Rcptwise, and Authentication-Results in the
 * name of this host (RFC 8601 5).
 */
import type { HeaderSection } from './header-section.ts'
import { seenFields } from './seen-fields.ts'

const kinds = /^x-(?:spamd?|rspamd|rcptwise)-/
/** In a section at all: whether it is worth to read its fields. */
const perhaps = /(?:^|\n)(?:x-(?:spamd?|rspamd|rcptwise)-|authentication-results[ \t]*:)/i

interface Named {
  /** In lower case. */
  readonly name: string
  /** The field as it came. */
  readonly raw: string
}

/** `host`: our own name. */
export const isForeign = ({ name, raw }: Named, host: string): boolean =>
  kinds.test(name) || (name === 'authentication-results' && isInNameOf(raw, host))

/** Wherever in front of the results it is written: in a comment, or between quotes. */
function isInNameOf(raw: string, host: string): boolean {
  const value = raw.slice(raw.indexOf(':') + 1)
  const end = value.indexOf(';')
  const front = end === -1 ? value : value.slice(0, end)
  return front
    .toLowerCase()
    .split(/[\s()"<>]/)
    .includes(host.toLowerCase())
}

/** Of a section as far as edits see it. */
export const hasForeign = (section: HeaderSection, host: string): boolean =>
  perhaps.test(section.header.toString('latin1')) &&
  seenFields(section).fields.some((field) => isForeign(field, host))
