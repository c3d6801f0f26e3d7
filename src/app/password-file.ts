/** A password out of a file of its own, so that it stands in no configuration. */
import { readFileSync } from 'node:fs'

/** @throws Error when the file can't be read, or holds something else */
export function passwordIn(file: string): string {
  const password = readFileSync(file, 'utf8').trim()
  if (!/^[\x21-\x7e]+$/.test(password))
    throw new Error(`${file} must hold one password of visible ASCII characters, without spaces`)
  return password
}
