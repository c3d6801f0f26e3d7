/** What is wrong in a configuration, and where. */
export interface ConfigProblem {
  /**
   * The file as it was named; absent when the value came from the command line or from the built-in
   * defaults.
   */
  readonly file?: string
  /**
   * Both count from 1; of the key, or of the nearest thing around it that the file does contain.
   */
  readonly line?: number
  readonly column?: number
  /**
   * Dotted path such as `peers[1].strategy`, an option such as `--listen`, or empty when the file
   * is no YAML at all.
   */
  readonly key: string
  readonly message: string
}

export type KeyPath = readonly (string | number)[]

/** `['peers', 1, 'strategy']` as `peers[1].strategy`. */
export function dottedKey(path: KeyPath): string {
  let key = ''
  for (const part of path) {
    if (typeof part === 'number') key += `[${part}]`
    else key += key === '' ? part : `.${part}`
  }
  return key
}

/**
 * The problem on one line, in the form that editors and `grep` know: `config.yaml:12:5:
 * peers[1].strategy: got …`.
 */
export function describeProblem(problem: ConfigProblem): string {
  const key = problem.key.length <= 200 ? problem.key : `${problem.key.slice(0, 197)}...`
  const place = [problem.file, problem.line, problem.column]
    .filter((part) => part !== undefined)
    .join(':')
  return [place, key, problem.message].filter((part) => part !== '').join(': ')
}
