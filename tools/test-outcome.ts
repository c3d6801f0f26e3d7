/**
 * What became of a run of the tests, and how it is told: what failed comes last, where everybody
 * looks.
 */

export interface Failure {
  /** File and name of the test. */
  readonly where: string
  /** What was wrong, and in which lines of ours. */
  readonly message: string
}

export interface Outcome {
  readonly passed: number
  readonly failed: number
  readonly skipped: number
  readonly failures: readonly Failure[]
  /** Tests that were not run, by file and name. */
  readonly skippedTests: readonly string[]
  /** Tests that are running now; none once all have ended. */
  readonly running: readonly string[]
}

export const nothing: Outcome = {
  passed: 0,
  failed: 0,
  skipped: 0,
  failures: [],
  skippedTests: [],
  running: [],
}

/** Of a long message the beginning and the end are told, in lines. */
const [headLines, tailLines] = [25, 15]
/** So many failures are told in full. */
const inFull = 8

/** The failures in full, then each again in a line, then the totals. */
export function told({ passed, failed, skipped, failures }: Outcome): string {
  const full = failures
    .slice(0, inFull)
    .map(({ where, message }) => `FAILED: ${where}\n${indented(shortened(message))}`)
  const first = ({ message }: Failure): string => message.split('\n', 1)[0]?.slice(0, 160) ?? ''
  const short = failures.map((failure) => `FAILED: ${failure.where}: ${first(failure)}`)
  const others = skipped === 0 ? '' : `, ${skipped} skipped`
  const details =
    failures.length === 0 ? [] : ['== what failed', ...full, '== what failed, in short', ...short]
  return [...details, `${passed} passed, ${failed} failed${others}`].join('\n')
}

function shortened(message: string): string {
  const lines = message.trimEnd().split('\n')
  const left = lines.length - headLines - tailLines
  if (left <= 0) return lines.join('\n')
  return [
    ...lines.slice(0, headLines),
    `… ${left} lines; see above …`,
    ...lines.slice(-tailLines),
  ].join('\n')
}

const indented = (text: string): string => text.replaceAll(/^/gm, '    ')
