/** What a question that came to nothing is answered with: the same for everybody in it. */
import type { Failed } from './policy-source.ts'

export function allFailed(
  recipients: readonly string[],
  source: string,
  why: string,
): readonly Failed[] {
  const failed: Failed = { kind: 'failed', source, why }
  return recipients.map(() => failed)
}

/** Nobody reads it. */
export const allAbandoned = (recipients: readonly string[], source: string): readonly Failed[] =>
  allFailed(recipients, source, 'nobody waits for the answer any more')
