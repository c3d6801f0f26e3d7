/**
 * Of the edits that a filter wants, those that can be made: one that can't does not cost the
 * others.
 */
import { checkEdits, type Edit, type Edits, mostEdits } from '../message/edits.ts'

export interface PossibleEdits {
  readonly edits?: Edits
  /** In words for the log, one line for all that is left out. */
  readonly left?: string
}

export function possibleEdits(wanted: readonly Edit[]): PossibleEdits {
  if (wanted.length === 0) return {}
  const failures: string[] = []
  const possible = wanted.slice(0, mostEdits).filter((edit) => {
    const made = checkEdits([edit])
    if ('failed' in made) failures.push(made.failed)
    return !('failed' in made)
  })
  const all = checkEdits(possible)
  const count = 'failed' in all ? wanted.length : wanted.length - possible.length
  const [why = 'failed' in all ? all.failed : `more than ${mostEdits} edits`] = failures
  return {
    ...('failed' in all || possible.length === 0 ? {} : { edits: all }),
    ...(count > 0 ? { left: `${count} of ${wanted.length} changes can't be made: ${why}` } : {}),
  }
}
