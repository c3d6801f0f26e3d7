/** Ids of sessions and splits. */
import { randomFillSync } from 'node:crypto'

const letters = Buffer.from('abcdefghijklmnopqrstuvwxyz234567')
const idLength = 16
/**
 * Ids that are made of one request for random octets: each request costs more than all else of a
 * hundred ids.
 */
const idsAtOnce = 64

/** Makes ids of 16 characters of base32, 80 random bits. */
export function randomIds(): () => string {
  const octets = Buffer.alloc(idLength * idsAtOnce)
  let used = octets.length
  return () => {
    if (used === octets.length) {
      fill(octets)
      used = 0
    }
    used += idLength
    // In one piece: what is put together letter by letter stays in pieces for as long as it lives.
    return octets.toString('latin1', used - idLength, used)
  }
}

function fill(octets: Buffer): void {
  randomFillSync(octets)
  octets.forEach((octet, i) => {
    octets[i] = letters[octet % letters.length] ?? 0
  })
}
