/**
 * From a configuration file and the command line to a configuration, or to everything that is
 * wrong.
 */
import { readFileSync } from 'node:fs'
import { dirname, resolve } from 'node:path'
import { advise } from './advise.ts'
import type { Config } from './config.ts'
import { type EffectiveValue, effectiveValues } from './effective.ts'
import { inWords } from './in-words.ts'
import { expectation, findings } from './issues.ts'
import { locate } from './locate.ts'
import { applyOverrides, optionFor, type ConfigOverrides } from './overrides.ts'
import { dottedKey, type ConfigProblem, type KeyPath } from './problem.ts'
import { resolveSettings } from './resolve.ts'
import { schema } from './schema.ts'
import { readYaml, type YamlText } from './yaml-text.ts'

export type LoadedConfig =
  | {
      readonly ok: true
      readonly config: Config
      readonly warnings: readonly ConfigProblem[]
      /** Key by key, and where each comes from, in the order of docs/configuration.md. */
      readonly values: () => readonly EffectiveValue[]
    }
  | { readonly ok: false; readonly problems: readonly ConfigProblem[] }

/**
 * Reads a configuration file, or takes the built-in defaults when there is none, and applies the
 * command line's overrides. Relative paths in the file are relative to the file; without one, to
 * the working directory. Never throws: everything that is wrong is told at once, with its place.
 */
export function loadConfig(
  file: string | undefined,
  overrides: ConfigOverrides = {},
): LoadedConfig {
  if (file === undefined) return build(undefined, undefined, overrides)
  let text: string
  try {
    text = readFileSync(file, 'utf8')
  } catch (error) {
    const why = error instanceof Error ? error.message : String(error)
    return { ok: false, problems: [{ file, key: '', message: `can't be read: ${why}` }] }
  }
  return parseConfig(text, file, overrides)
}

/**
 * As `loadConfig`, for a text that was read already; `file` names it, and is where relative paths
 * start.
 */
export function parseConfig(
  text: string,
  file: string,
  overrides: ConfigOverrides = {},
): LoadedConfig {
  const read = readYaml(text, file)
  return read.ok
    ? build(read.yaml, file, overrides)
    : { ok: false, problems: inOrder(read.problems) }
}

function build(
  yaml: YamlText | undefined,
  file: string | undefined,
  overrides: ConfigOverrides,
): LoadedConfig {
  const written = yaml?.content ?? {}
  if (yaml !== undefined && (typeof written !== 'object' || Array.isArray(written))) {
    const message = `got ${inWords(written)}, expected a map such as "hostname: mx1.example.org"`
    return {
      ok: false,
      problems: [{ ...(file !== undefined && { file }), ...locate(yaml, []), key: '', message }],
    }
  }
  const place = (path: KeyPath, message: string): ConfigProblem => {
    const option = optionFor(path, overrides)
    if (option !== undefined) return { key: option, message }
    if (yaml === undefined || file === undefined) return { key: dottedKey(path), message }
    return { file, ...locate(yaml, path), key: dottedKey(path), message }
  }

  const content = applyOverrides(written, overrides)
  const parsed = schema.safeParse(content, { error: expectation })
  if (!parsed.success) {
    const found = findings(parsed.error.issues, content)
    return {
      ok: false,
      problems: inOrder(found.map(({ path, message }) => unsaid(place(path, ''), message))),
    }
  }

  const problems: ConfigProblem[] = []
  const directory = file === undefined ? process.cwd() : dirname(resolve(file))
  const from = { directory, ...(file !== undefined && { file }) }
  const config = resolveSettings(parsed.data, from, (path, message) =>
    problems.push(place(path, message)),
  )
  if (problems.length > 0) return { ok: false, problems: inOrder(problems) }

  const warnings: ConfigProblem[] = [...inOrder(yaml?.warnings ?? [])]
  const has = (key: string): boolean => Object.hasOwn(content as object, key)
  advise(config, has, (path, message) => warnings.push(place(path, message)))
  let values: readonly EffectiveValue[] | undefined
  return {
    ok: true,
    config,
    warnings,
    values: () => (values ??= effectiveValues(yaml, file, overrides)),
  }
}

/** Of a file that is no configuration at all, nobody reads more. */
const mostTold = 50

/** Its message is made when somebody reads it. */
const unsaid = (problem: ConfigProblem, message: () => string): ConfigProblem => ({
  ...problem,
  get message() {
    return message()
  },
})

/**
 * As one reads the file; what has no place comes first. The first ones only, and how many more
 * there are.
 */
function inOrder(problems: readonly ConfigProblem[]): readonly ConfigProblem[] {
  const sorted = problems.toSorted(
    (a, b) => (a.line ?? 0) - (b.line ?? 0) || (a.column ?? 0) - (b.column ?? 0),
  )
  const more = sorted.length - mostTold
  if (more <= 0) return sorted
  const { file } = sorted[0] ?? {}
  return [
    ...sorted.slice(0, mostTold),
    { ...(file !== undefined && { file }), key: '', message: `and ${more} more` },
  ]
}
