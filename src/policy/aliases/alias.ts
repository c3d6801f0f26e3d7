/** An entry of a source of aliases, and which addresses it leads to. Pure. */
import { canonicalOrLower } from '../address-pattern.ts'
import { lookUpKeys } from '../look-up-keys.ts'
import type { Source } from '../policy-source.ts'

export interface Alias {
  readonly kind: 'alias'
  /** The key that it was found by, as in look-up-keys.ts. */
  readonly key: string
  /** Addresses; `@new.example`: the same local part in that domain. */
  readonly to: readonly string[]
}

export type AliasSource = Source<Alias>

/** By which one address is known from another: tables and mail servers take no heed of case. */
export const sameAddress = (address: string): string => address.toLowerCase()

/**
 * An entry without the detail hands it on, as Postfix does: `ann+x@old` is `bob+x@new` where `ann`
 * is `bob`.
 */
export function leadsTo(recipient: string, { key, to }: Alias): readonly string[] {
  const { withoutDetail, domain } = lookUpKeys(recipient)
  const at = recipient.lastIndexOf('@')
  const local = at < 0 ? recipient : recipient.slice(0, at)
  const isKey = (one: string | undefined): boolean =>
    one !== undefined && sameAddress(one) === sameAddress(key)
  const detail = isKey(withoutDetail) && !isKey(domain) ? local.slice(local.indexOf('+')) : ''
  return to.map((target) => {
    const targetAt = target.lastIndexOf('@')
    const newDomain = `@${canonicalOrLower(target.slice(targetAt + 1))}`
    if (targetAt === 0) return local + newDomain
    const box = target.slice(0, targetAt)
    return box + (box.includes('+') ? '' : detail) + newDomain
  })
}

const separators = /[\s,]+/

/** `ann@a.example, bob@b.example`, as tables and Postfix's files have it. */
export const targetsIn = (text: string): readonly string[] =>
  text.split(separators).filter((target) => target !== '')

/** RFC 5321 4.5.3.1: 64 octets of local part, 255 of domain. */
const longest = 320

/** An address; where the key is a domain, a domain may stand for the same local part in it. */
export function isTarget(target: string, key: string): boolean {
  const at = target.lastIndexOf('@')
  const isSound = target.length <= longest && target.isWellFormed() && !/[\0-\x20\x7f]/.test(target)
  return isSound && at >= (key.startsWith('@') ? 0 : 1) && at < target.length - 1
}
