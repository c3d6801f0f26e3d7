/**
 * One line of a policy file, `address: policy`. The file is a flat YAML map, and this reads just that: a hundred thousand
 * lines take a tenth of a second, while a YAML parser would hold up every session for seconds. More than YAML allows, an
 * address may begin with `@` without quotes. Pure.
 */
export type PolicyLine =
  | { readonly kind: 'entry'; readonly address: string; readonly policy: string }
  | { readonly kind: 'blank' }
  | { readonly kind: 'mistake'; readonly why: string }

const form =
  /^(?:"((?:[^"\\]|\\.)*)"|'((?:[^']|'')*)'|([^\s"'#{}[\],&*!|>%][^\s]*?))\s*:(?:\s+(?:"([^"]*)"|'([^']*)'|([^\s"'#{}[\],&*!|>%][^\s]*))\s*)?(?:\s#.*)?$/

/** `line` comes without its end; a carriage return before it is allowed. */
export function parsePolicyLine(line: string): PolicyLine {
  const found = form.exec(line.endsWith('\r') ? line.slice(0, -1) : line)
  if (found === null) {
    return /^\s*(#.*|---\s*)?$/.test(line) ? { kind: 'blank' } : { kind: 'mistake', why: whyNot(line) }
  }
  const [, doubleQuoted, singleQuoted, plain, ...values]: readonly (string | undefined)[] = found
  const address = plain ?? singleQuoted?.replaceAll("''", "'") ?? unescaped(doubleQuoted ?? '')
  const policy = values.find((value) => value !== undefined)
  if (address === undefined) return { kind: 'mistake', why: 'the quoted address has an escape that is not known' }
  if (policy === undefined) return { kind: 'mistake', why: `${address} has no policy` }
  return { kind: 'entry', address, policy }
}

function whyNot(line: string): string {
  if (/^\s/.test(line)) return 'the line is indented, expected "address: policy" from its beginning'
  if (/^[^\s:]+:[^\s:]+\s*$/.test(line)) return 'expected a space after the colon'
  return `expected "address: policy", got ${JSON.stringify(line.length <= 80 ? line : `${line.slice(0, 77)}...`)}`
}

/** The escapes that JSON and YAML share. */
function unescaped(text: string): string | undefined {
  if (!text.includes('\\')) return text
  try {
    const value: unknown = JSON.parse(`"${text}"`)
    return typeof value === 'string' ? value : undefined
  } catch {
    return undefined
  }
}
