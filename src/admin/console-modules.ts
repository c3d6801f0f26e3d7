/**
 * The modules of the browser's program: the first one, and all that it imports, some of them shared
 * with the rest of Rcptwise. In a package they are the files that tsc made; in the source tree Node
 * takes the types out of them, as it does for its own (docs/decisions/0109).
 */
import { readFileSync } from 'node:fs'
import { stripTypeScriptTypes } from 'node:module'
import { posix } from 'node:path'

/** By its path below src, without its ending. */
export const firstModule = 'console/main'

const ending = import.meta.url.endsWith('.ts') ? '.ts' : '.js'

/** Text by name, which is the path below src without its ending. @throws when one is missing. */
export function modulesFrom(first: string): ReadonlyMap<string, string> {
  const texts = new Map<string, string>()
  const wanted = [first]
  for (let name = wanted.pop(); name !== undefined; name = wanted.pop()) {
    if (texts.has(name)) continue
    const text = moduleText(name)
    texts.set(name, text)
    const folder = posix.dirname(name)
    wanted.push(...importsOf(text).map((path) => posix.join(folder, path)))
  }
  return texts
}

function moduleText(name: string): string {
  const text = readFileSync(new URL(`../${name}${ending}`, import.meta.url), 'utf8')
  if (ending === '.js') return text.replace(/^\/\/# sourceMappingURL=.*$/m, '')
  return withoutTypes(text).replace(statement, (all, path: string) =>
    all.replace(`${path}.ts`, `${path}.js`),
  )
}

/** Node warns that this may change; whoever reads the log can do nothing about it. */
function withoutTypes(text: string): string {
  const emitWarning = process.emitWarning.bind(process)
  process.emitWarning = unsaid
  try {
    return stripTypeScriptTypes(text)
  } finally {
    process.emitWarning = emitWarning
  }
}

const unsaid = (): void => undefined

/**
 * Each module names what it imports behind `from`: in single quotes, or in those that tsc writes
 * around a name whose ending it has changed.
 */
const statement = /\bfrom ['"](\.{1,2}\/[^'"]+)\.[jt]s['"]/g

const importsOf = (text: string): readonly string[] =>
  [...text.matchAll(statement)].map(([, path = '']) => path)
