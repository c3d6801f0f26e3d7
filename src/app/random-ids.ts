/** Ids of sessions and splits. */
import { randomFillSync } from 'node:crypto'

const alphabet = 'abcdefghijklmnopqrstuvwxyz234567'
const idLength = 16
/**
 * Ids that are made of one request for random octets: each request costs more than all else of a
 * hundred ids.
 */
const idsAtOnce = 64

/** Makes ids of 16 characters of base32, 80 random bits. */
export function randomIds(): () => string {
  const octets = new Uint8Array(idLength * idsAtOnce)
  let used = octets.length
  return () => {
    if (used === octets.length) {
      randomFillSync(octets)
      used = 0
    }
    let id = ''
    for (const octet of octets.subarray(used, used + idLength))
      id += alphabet.charAt(octet % alphabet.length)
    used += idLength
    return id
  }
}
