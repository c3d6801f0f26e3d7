/**
 * One line of a policy file, `address: policy`. The file is a flat YAML map, and this reads just
 * that: a hundred thousand lines take a tenth of a second, while a YAML parser would hold up every
 * session for seconds. More than YAML allows, an address may begin with `@` without quotes. Pure.
 */
export type PolicyLine =
  | { readonly kind: 'entry'; readonly address: string; readonly policy: string }
  | { readonly kind: 'blank' }
  | { readonly kind: 'mistake'; readonly why: string }

const doubleQuotedWord = /^"((?:[^"\\]|\\.)*)"/
const singleQuotedWord = /^'((?:[^']|'')*)'/
/** What begins otherwise means something else in YAML. */
const plainWord = /^[^\s"'#{}[\],&*!|>%]\S*/

/** `line` comes without its end; a carriage return before it is allowed. */
export function parsePolicyLine(line: string): PolicyLine {
  const text = line.endsWith('\r') ? line.slice(0, -1) : line
  const key = readKey(text)
  const value = key && readValue(key.rest)
  if (key === undefined || value === undefined) {
    return /^\s*(#.*|---\s*)?$/.test(line)
      ? { kind: 'blank' }
      : { kind: 'mistake', why: whyNot(line) }
  }
  const { address } = key
  if (address === undefined)
    return { kind: 'mistake', why: 'the quoted address has an escape that is not known' }
  if (value === '') return { kind: 'mistake', why: `${shortened(address)} has no policy` }
  return { kind: 'entry', address, policy: value }
}

interface Key {
  /** Undefined: it is quoted, and can't be read. */
  readonly address: string | undefined
  /** What stands behind its colon. */
  readonly rest: string
}

function readKey(text: string): Key | undefined {
  const [whole, quoted] = doubleQuotedWord.exec(text) ?? []
  if (whole !== undefined) return behindColon(text, whole, unescaped(quoted ?? ''))
  const [single, inside] = singleQuotedWord.exec(text) ?? []
  if (single !== undefined) return behindColon(text, single, inside?.replaceAll("''", "'"))
  const word = plainWord.exec(text)?.[0] ?? ''
  if (word.length > 1 && word.endsWith(':'))
    return { address: word.slice(0, -1), rest: text.slice(word.length) }
  return word === '' ? undefined : behindColon(text, word, word)
}

function behindColon(text: string, word: string, address: string | undefined): Key | undefined {
  const rest = text.slice(word.length).trimStart()
  return rest.startsWith(':') ? { address, rest: rest.slice(1) } : undefined
}

/** The value behind a colon; empty when there is none; undefined when this is no value. */
function readValue(rest: string): string | undefined {
  const text = rest.trimStart()
  if (text === '') return ''
  if (text.length === rest.length) return undefined // YAML wants a blank behind the colon
  if (text.startsWith('#')) return ''
  const quoted = /^"([^"]*)"/.exec(text) ?? /^'([^']*)'/.exec(text)
  const word = quoted ?? plainWord.exec(text)
  if (word === null) return undefined
  const behind = text.slice(word[0].length)
  const isOver = behind.trim() === '' || /^\s+#/.test(behind)
  return isOver ? (word[1] ?? word[0]) : undefined
}

const shortened = (text: string): string => (text.length <= 80 ? text : `${text.slice(0, 77)}...`)

function whyNot(line: string): string {
  if (/^\s/.test(line)) return 'the line is indented, expected "address: policy" from its beginning'
  if (/^[^\s:]+:[^\s:]+\s*$/.test(line)) return 'expected a space after the colon'
  return `expected "address: policy", got ${JSON.stringify(shortened(line))}`
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
