import { LineCounter, parseDocument, visit, type Document, type YAMLError } from 'yaml'
import { positionAt, type LocatedDocument } from './locate.ts'
import type { ConfigProblem } from './problem.ts'

/** A YAML text that was read: its content as plain data, and the document that knows the places. */
export interface YamlText extends LocatedDocument {
  readonly content: unknown
  readonly warnings: readonly ConfigProblem[]
}

export type ReadYaml =
  { readonly ok: true; readonly yaml: YamlText } | { readonly ok: false; readonly problems: readonly ConfigProblem[] }

/** What to do, for the mistakes that YAML's own words don't explain to someone who does not know YAML well. */
const advice: ReadonlyMap<string, string> = new Map([
  ['BAD_SCALAR_START', 'put values that begin with @ or ` in quotes'],
  ['TAB_AS_INDENT', 'indent with spaces'],
  ['MULTIPLE_DOCS', 'leave out the line "---"'],
])

/** Reads YAML 1.2 with merge keys (`<<`); `file` is the name that problems carry. */
export function readYaml(text: string, file: string): ReadYaml {
  const lines = new LineCounter()
  const document = parseDocument(text, { lineCounter: lines, prettyErrors: false, merge: true })
  const problem = (error: YAMLError): ConfigProblem => {
    const place = { file, ...positionAt(lines, error.pos[0]) }
    if (error.code === 'DUPLICATE_KEY') {
      const key = /^[^\s:]+/.exec(text.slice(error.pos[0]))?.[0] ?? ''
      return { ...place, key, message: 'is there twice in the same map; keep one of them' }
    }
    // The library's words for this one speak to programmers.
    const words = error.code === 'MULTIPLE_DOCS' ? 'there is more than one document' : error.message
    const hint = advice.get(error.code)
    return { ...place, key: '', message: `no valid YAML: ${words}${hint === undefined ? '' : `; ${hint}`}` }
  }
  if (document.errors.length > 0) {
    // The first error of another kind often causes those below it; repeated keys each stand for themselves.
    const first = document.errors.find((error) => error.code !== 'DUPLICATE_KEY')
    const told = document.errors.filter((error) => error.code === 'DUPLICATE_KEY' || error === first)
    return { ok: false, problems: told.map(problem) }
  }
  const unanchored = aliasWithoutAnchor(document)
  if (unanchored !== undefined) {
    const message = 'no valid YAML: a value that begins with * is an alias; put it in quotes'
    return { ok: false, problems: [{ file, ...positionAt(lines, unanchored), key: '', message }] }
  }
  try {
    const content: unknown = document.toJS()
    return { ok: true, yaml: { document, lines, content, warnings: document.warnings.map(problem) } }
  } catch (error) {
    // Aliases that expand without end.
    const why = error instanceof Error ? error.message : String(error)
    return { ok: false, problems: [{ file, ...positionAt(lines, 0), key: '', message: `no valid YAML: ${why}` }] }
  }
}

/** Where an alias (`*name`) stands that has no anchor (`&name`) before it; usually a pattern without quotes. */
function aliasWithoutAnchor(document: Document): number | undefined {
  let offset: number | undefined
  visit(document, {
    Alias(_, alias) {
      if (alias.resolve(document) !== undefined) return undefined
      offset = alias.range?.[0] ?? 0
      return visit.BREAK
    },
  })
  return offset
}
