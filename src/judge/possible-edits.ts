/**
 * Of the edits that a filter wants, those that can be made: one that can't does not cost the
 * others. A new body comes first: what the filter has taken out of a message must not arrive
 * because it wants too many fields, or too long ones.
 */
import { checkEdits, type Edit, type Edits, mostEdits } from '../message/edits.ts'
import { whyNoBody } from '../message/revised-text.ts'

export interface PossibleEdits {
  readonly edits?: Edits
  /** In words for the log, one line for all that is left out. */
  readonly left?: string
  /** Why the filter has failed: nobody knows what it has taken out of the message. */
  readonly failed?: string
}

export function possibleEdits(wanted: readonly Edit[]): PossibleEdits {
  if (wanted.length === 0) return {}
  const bodies = wanted.filter((edit) => edit.do === 'replaceBody')
  for (const { body } of bodies) {
    const why = whyNoBody(body.whole() ?? [])
    if (why !== undefined) return { failed: `its body can't be passed on: ${why}` }
  }
  const fields = wanted.filter((edit) => edit.do !== 'replaceBody')
  const failures: string[] = []
  const possible = [...bodies, ...fields].slice(0, mostEdits).filter((edit) => {
    const made = checkEdits([edit])
    if ('failed' in made) failures.push(made.failed)
    return !('failed' in made)
  })
  const all = checkEdits(possible)
  const made = 'failed' in all ? checkEdits(bodies) : all
  const list = 'failed' in made ? [] : made.list
  const count = wanted.length - list.length
  const [why = 'failed' in all ? all.failed : `more than ${mostEdits} edits`] = failures
  return {
    ...('failed' in made || list.length === 0 ? {} : { edits: made }),
    ...(count > 0 ? { left: `${count} of ${wanted.length} changes can't be made: ${why}` } : {}),
  }
}
