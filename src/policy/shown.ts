/** What stands in a source as a message shows it. Pure. */
import type { PolicyMistake } from './policy-values.ts'

const longest = 80

/** One line, and not a long one. */
export function shown(value: unknown): string {
  const text = typeof value === 'string' ? JSON.stringify(value) : String(value)
  return text.length <= longest ? text : `${text.slice(0, longest - 3)}...`
}

export const mistakesInWords = (mistakes: readonly PolicyMistake[]): string =>
  mistakes.map(({ key, why }) => `${key}: ${why}`).join('; ')
