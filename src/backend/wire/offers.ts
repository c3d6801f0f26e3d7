/**
 * What of a server's EHLO can be made use of: a word alone is not enough for every promise. Pure.
 */
import type { Extensions } from '../../smtp/ehlo.ts'

/** `verified`: through TLS, with a server that is known to be the right one. */
export function usable(offered: Extensions, verified: boolean): Extensions {
  // RFC 3030 3: BDAT alone can carry a binary text. RFC 8689 4.2.1: TLS and a certificate that was
  // checked, and then the word.
  const noBinary = offered.has('BINARYMIME') && !offered.has('CHUNKING')
  const noRequireTls = offered.has('REQUIRETLS') && !verified
  if (!noBinary && !noRequireTls) return offered
  const kept = new Map(offered)
  if (noBinary) kept.delete('BINARYMIME')
  if (noRequireTls) kept.delete('REQUIRETLS')
  return kept
}
