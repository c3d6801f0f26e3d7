/** The lines of docs/leniency.md, as they go over the wire. */
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { octetsOf } from '../../src/smtp/octets.ts'

const page = readFileSync(join(import.meta.dirname, '../../docs/leniency.md'), 'utf8')

export type Section =
  'Taken, as Postfix takes it' | 'Refused, although Postfix takes it' | 'Refused by both'
export const sections: readonly Section[] = [
  'Taken, as Postfix takes it',
  'Refused, although Postfix takes it',
  'Refused by both',
]

/** Those of one table. */
export function linesOf(section: Section): string[] {
  const table = page.split(/^## /m).find((part) => part.startsWith(`${section}\n`)) ?? ''
  return [...table.matchAll(/^\| `([^`]+)` \|/gm)].map(([, line = '']) => onTheWire(line))
}

const onTheWire = (line: string): string =>
  octetsOf(line.replaceAll('⇥', '\t')).replace(/\\x([0-9a-f]{2})/g, (_, digits: string) =>
    String.fromCharCode(Number.parseInt(digits, 16)),
  )
