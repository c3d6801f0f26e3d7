/** Reading YAML: content, places, and what is refused for its form. Knows no key. */
import {
  isScalar,
  LineCounter,
  parseDocument,
  visit,
  type Document,
  type Scalar,
  type YAMLError,
} from 'yaml'
import { type Position, positionAt, type LocatedDocument } from './locate.ts'
import { deepestNesting, tooDeepAt } from './nesting.ts'
import type { ConfigProblem } from './problem.ts'

/** A YAML text that was read: its content as plain data, and the document that knows the places. */
export interface YamlText extends LocatedDocument {
  readonly content: unknown
  readonly warnings: readonly ConfigProblem[]
}

export type ReadYaml =
  | { readonly ok: true; readonly yaml: YamlText }
  | { readonly ok: false; readonly problems: readonly ConfigProblem[] }

/**
 * What to do, for the mistakes that YAML's own words don't explain to someone who does not know
 * YAML well.
 */
const advice: ReadonlyMap<string, string> = new Map([
  ['BAD_SCALAR_START', 'put values that begin with @ or ` in quotes'],
  ['TAB_AS_INDENT', 'indent with spaces'],
  ['MULTIPLE_DOCS', 'leave out the line "---"'],
])

/** More than anyone writes by hand; the parser takes seconds for more than that. */
const longest = 4 * 1024 * 1024

const tooDeep = `has more than ${deepestNesting} lists and maps in one another up to here; look for a "[" or "{" that is not closed, and put a value that consists of [ { ? or - in quotes`

/** Reads YAML 1.2 with merge keys (`<<`); `file` is the name that problems carry. Never throws. */
export function readYaml(text: string, file: string): ReadYaml {
  const lines = new LineCounter()
  const refused = (message: string, position: Position = { line: 1, column: 1 }): ReadYaml => ({
    ok: false,
    problems: [{ file, ...position, key: '', message }],
  })
  if (text.length > longest)
    return refused(`is longer than ${longest} characters, expected a configuration`)
  const deep = tooDeepAt(text)
  if (deep !== undefined) return refused(tooDeep, deep)
  let document: Document.Parsed
  try {
    // The library compares each key with all before it; `twice` does that by a set.
    document = parseDocument(text, {
      lineCounter: lines,
      prettyErrors: false,
      merge: true,
      uniqueKeys: false,
    })
  } catch (error) {
    return refused(`no valid YAML: ${error instanceof Error ? error.message : String(error)}`)
  }
  const problem = (error: YAMLError): ConfigProblem => {
    const place = { file, ...positionAt(lines, error.pos[0]) }
    // The library's words for this one speak to programmers.
    const words = error.code === 'MULTIPLE_DOCS' ? 'there is more than one document' : error.message
    const hint = advice.get(error.code)
    return {
      ...place,
      key: '',
      message: `no valid YAML: ${words}${hint === undefined ? '' : `; ${hint}`}`,
    }
  }
  const repeated = twice(document).map((key): ConfigProblem => ({
    file,
    ...positionAt(lines, key.range?.[0] ?? 0),
    key: String(key.value),
    message: 'is there twice in the same map; keep one of them',
  }))
  // The first error of another kind often causes those below it; repeated keys each stand for
  // themselves.
  const [first] = document.errors
  if (first !== undefined || repeated.length > 0)
    return { ok: false, problems: [...(first === undefined ? [] : [problem(first)]), ...repeated] }
  const unanchored = aliasWithoutAnchor(document)
  if (unanchored !== undefined)
    return refused(
      'no valid YAML: a value that begins with * is an alias; put it in quotes',
      positionAt(lines, unanchored),
    )
  try {
    const content: unknown = document.toJS()
    return {
      ok: true,
      yaml: { document, lines, content, warnings: document.warnings.map(problem) },
    }
  } catch (error) {
    // Aliases that expand without end.
    return refused(`no valid YAML: ${error instanceof Error ? error.message : String(error)}`)
  }
}

/**
 * Keys that stand in their map already, `<<` aside, which may be there for each map that is merged.
 */
function twice(document: Document): readonly Scalar[] {
  const found: Scalar[] = []
  visit(document, {
    Map(_, map) {
      const seen = new Set<unknown>()
      for (const { key } of map.items) {
        if (!isScalar(key) || key.value === '<<') continue
        if (seen.has(key.value)) found.push(key)
        seen.add(key.value)
      }
    },
  })
  return found
}

/**
 * Where an alias (`*name`) stands that has no anchor (`&name`) before it; usually a pattern without
 * quotes.
 */
function aliasWithoutAnchor(document: Document): number | undefined {
  let offset: number | undefined
  const anchors = new Set<string>()
  visit(document, {
    Value(_, { anchor }) {
      if (anchor !== undefined) anchors.add(anchor)
    },
    Alias(_, alias) {
      if (anchors.has(alias.source)) return undefined
      offset = alias.range?.[0] ?? 0
      return visit.BREAK
    },
  })
  return offset
}
