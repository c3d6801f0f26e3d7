/**
 * Header fields that only the filters of this site may write: a field of that kind that a stranger
 * has sent is believed by nobody, since it is gone before anybody looks. They are fields about spam
 * (`X-Spam-…`, `X-Spamd-…`, `X-Rspamd-…`), those of Rcptwise, and Authentication-Results in the
 * name of this host (RFC 8601 5).
 *
 * They are gone from the whole header section, up to the empty line. Where fields end is not the
 * same for all who read them: behind a line that is no field some go on (Dovecot), and a mailbox's
 * `From ` line on top becomes a field (Postfix).
 */
import { endOfField } from './header-fields.ts'
import type { HeaderSection } from './header-section.ts'

/** Where such a field begins, and its name. */
const begun = /(?:^|\n)(?:x-(?:spamd?|rspamd|rcptwise)-[!-9;-~]*|(authentication-results))[ \t]*:/gi

/**
 * The header section without them, or the very octets where there is none. `host`: our own name. Of
 * a section that is longer than is read the last field stays: nobody knows where it ends.
 */
export function withoutForeign({ header, end }: HeaderSection, host: string): Buffer {
  const text = header.toString('latin1')
  const kept: Buffer[] = []
  let from = 0
  for (const { 0: beginning, 1: results, index } of text.matchAll(begun)) {
    const at = beginning.startsWith('\n') ? index + 1 : index
    const to = endOfField(text, at)
    if (end === 'limit' && to === text.length) break
    const value = text.slice(index + beginning.length, to)
    if (results !== undefined && !isInNameOf(value, host)) continue
    kept.push(header.subarray(from, at))
    from = to
  }
  return from === 0 ? header : Buffer.concat([...kept, header.subarray(from)])
}

/** Wherever in front of the results it is written: in a comment, or between quotes. */
const isInNameOf = (value: string, host: string): boolean =>
  inFrontOfResults(value)
    .replaceAll('\\', '')
    .toLowerCase()
    .split(/[\s\0-\x1f()"<>]/)
    .includes(host.toLowerCase())

/** Up to the first semicolon that is in no comment. */
function inFrontOfResults(value: string): string {
  let comments = 0
  for (const { 0: sign, index } of value.matchAll(/\\.|[();]/gs)) {
    if (sign === ';' && comments === 0) return value.slice(0, index)
    if (sign === '(') comments++
    if (sign === ')') comments = Math.max(0, comments - 1)
  }
  return value
}

/** Of a section as far as it is read. */
export const hasForeign = (section: HeaderSection, host: string): boolean =>
  withoutForeign(section, host) !== section.header
