/** What was learned of a sender, as it is stored: the body of a row or of a key. */
import type { SenderRecord } from './senders.ts'

/** Undefined for a name that was forgotten, and for a damaged row. */
export function recordOf(body: unknown): SenderRecord | undefined {
  if (typeof body !== 'string' || body === '') return undefined
  try {
    return JSON.parse(body) as SenderRecord
  } catch {
    return undefined
  }
}
