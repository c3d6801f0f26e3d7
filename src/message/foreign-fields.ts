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

type Section = Pick<HeaderSection, 'header' | 'end'>

/** Where such a field begins, and its name. */
const begun =
  /(?:^|\n)(?<name>x-(?:spamd?|rspamd|rcptwise)-[!-9;-~]*|(?<results>authentication-results))[ \t]*:/gi

interface Foreign {
  readonly name: string
  readonly from: number
  readonly to: number
}

/**
 * The header section without them, or the very octets where there is none. `host`: our own name. Of
 * a section that is longer than is read the last field stays: nobody knows where it ends.
 */
export function withoutForeign(section: Section, host: string): Buffer {
  const { header } = section
  const kept: Buffer[] = []
  let at = 0
  for (const { from, to } of foreignFields(section, host)) {
    kept.push(header.subarray(at, from))
    at = to
  }
  return at === 0 ? header : Buffer.concat([...kept, header.subarray(at)])
}

function* foreignFields({ header, end }: Section, host: string): Generator<Foreign> {
  const text = header.toString('latin1')
  for (const { 0: beginning, index, groups } of text.matchAll(begun)) {
    const from = beginning.startsWith('\n') ? index + 1 : index
    const to = endOfField(text, from)
    if (end === 'limit' && to === text.length) return
    const value = text.slice(index + beginning.length, to)
    if (groups?.['results'] === undefined || isInNameOf(value, host))
      yield { name: groups?.['name'] ?? '', from, to }
  }
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

/** Of a section as far as it is read: each name once, as it is first written. */
export function foreignNames(section: Section, host: string): readonly string[] {
  const names = new Map<string, string>()
  for (const { name } of foreignFields(section, host)) {
    const key = name.toLowerCase()
    if (!names.has(key)) names.set(key, name)
  }
  return [...names.values()]
}
