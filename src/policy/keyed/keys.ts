/**
 * Under which keys recipients are looked up where many are asked for at once. All are in lower
 * case, as tables have them. Pure.
 */
import { lookUpKeys } from '../look-up-keys.ts'

/** RFC 5321 4.5.3.1 has 64 octets for a local part and 255 for a domain; nobody has more. */
const longestKey = 512

/**
 * The special one before the general one. None of somebody whom no table can have: a database that
 * is asked for a NUL, or for half a character, refuses the question for everybody in it.
 */
export function tableKeys(recipient: string): readonly string[] {
  const { address, withoutDetail, domain } = lookUpKeys(recipient)
  return [address, withoutDetail, domain].flatMap((key) =>
    key !== undefined && canStandInTable(key) ? [key.toLowerCase()] : [],
  )
}

const canStandInTable = (key: string): boolean =>
  key.length > 1 && key.length <= longestKey && key.isWellFormed() && !key.includes('\0')

/** As `tableKeys` has it, of what stands in a table: `example.org` is `@example.org` there. */
export function keyInTable(written: string): string {
  const key = written.trim().toLowerCase()
  return key.includes('@') ? key : `@${key}`
}
