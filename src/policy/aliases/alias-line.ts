/**
 * One line of a file of aliases: `address: mailbox, mailbox` as in YAML, or `address mailbox,
 * mailbox` as in a table of Postfix (texthash, virtual). Pure.
 */
import { targetsIn } from './alias.ts'

export type AliasLine =
  | { readonly kind: 'entry'; readonly address: string; readonly to: readonly string[] }
  | { readonly kind: 'blank' }
  | { readonly kind: 'mistake'; readonly why: string }

export function parseAliasLine(line: string): AliasLine {
  const text = withoutComment(line.trimEnd())
  if (text === '' || text === '---') return { kind: 'blank' }
  if (/^\s/.test(text))
    return { kind: 'mistake', why: 'the line is indented, expected a whole entry on each line' }
  const end = text.search(/\s/)
  const word = end < 0 ? text : text.slice(0, end)
  const address = unquoted(word.endsWith(':') ? word.slice(0, -1) : word)
  const to = targetsIn(withoutBrackets(end < 0 ? '' : text.slice(end).trim())).map(unquoted)
  return to.length === 0
    ? { kind: 'mistake', why: 'expected "address: mailbox", and there is no mailbox' }
    : { kind: 'entry', address, to }
}

/** A comment begins the line, or stands behind a blank. */
function withoutComment(text: string): string {
  if (text.startsWith('#')) return ''
  const at = /\s#/.exec(text)?.index
  return at === undefined ? text : text.slice(0, at).trimEnd()
}

const withoutBrackets = (text: string): string =>
  text.startsWith('[') && text.endsWith(']') ? text.slice(1, -1) : text

function unquoted(text: string): string {
  const isQuoted = ['"', "'"].some((quote) => text.startsWith(quote) && text.endsWith(quote))
  return isQuoted && text.length > 1 ? text.slice(1, -1) : text
}
