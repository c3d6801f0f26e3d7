/** Values of a JSON text that was read as octets, one character each. Pure. */
import { octetsOf } from '../smtp/octets.ts'

/** A string, as octets: an escape (`\u00e4`) tells a character. */
export const octets = (value: unknown): string | undefined =>
  typeof value === 'string' ? octetsOf(value) : undefined

/** Undefined where it is no JSON. */
export function jsonIn(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return undefined
  }
}
