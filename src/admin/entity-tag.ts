/** Which state a client has seen (RFC 9110 8.8.3, 13.1): strong, by the octets of the answer. */
import { createHash } from 'node:crypto'

export const entityTag = (body: string): string =>
  `"${createHash('sha256').update(body).digest('base64url').slice(0, 22)}"`

const tagsIn = (header: string): string[] => header.split(',').map((tag) => tag.trim())

/** `If-Match`: a weak tag matches nothing. */
export const matchesStrongly = (header: string, tag: string): boolean =>
  header.trim() === '*' || tagsIn(header).includes(tag)

/** `If-None-Match`. */
export const matchesWeakly = (header: string, tag: string): boolean =>
  header.trim() === '*' || tagsIn(header).some((one) => one.replace(/^W\//, '') === tag)
