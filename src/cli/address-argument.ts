/** Addresses on the command line. */
import { visible } from '../log/visible.ts'
import { octetsOf } from '../smtp/octets.ts'
import { parsePath, type Path } from '../smtp/path.ts'

/** As a client may offer it, whose octets are UTF-8. */
export function pathOf(text: string): Path | undefined {
  const parsed = text.includes('@') ? parsePath(`<${octetsOf(text)}>`) : undefined
  return parsed?.rest === '' ? parsed.path : undefined
}

export const isAddress = (text: string): boolean => pathOf(text) !== undefined

export const notAnAddress = (text: string): string =>
  `"${visible(text)}" is no address: expected user@example.org`

/** Between commas; one within quotes is part of its address. */
export const addressesIn = (list: string): readonly string[] =>
  (list.match(/(?:"(?:[^"\\]|\\.)*"|[^,"])+/g) ?? [])
    .map((address) => address.trim())
    .filter((address) => address !== '')
