/** The version of this program. */
import { readFileSync } from 'node:fs'

/** Of package.json, which stands one folder up from src and from dist. */
export const version = (
  JSON.parse(readFileSync(new URL('../package.json', import.meta.url), 'utf8')) as {
    version: string
  }
).version
