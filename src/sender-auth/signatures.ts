/**
 * Which DKIM signatures of a message are looked at, and how much of its header section with them.
 * All of it is the sender's to choose: each signature costs a question at a name that the sender
 * chose, and a pass over the text; long fields and long lists of names cost the library much more
 * than their length.
 */
import { domainToASCII } from 'node:url'
import { type HeaderField, readFields } from '../message/header-fields.ts'
import { readable, toOctets } from '../smtp/octets.ts'
import { aligned } from './alignment.ts'

/** Larger signatures are not looked at. With a key of 4096 bits and fifty names one has 1.5 KiB. */
const signatureOctets = 4096
/** Of the fields that the signatures name, together. A thousand recipients in To have 40 KiB. */
const signedOctets = 65_536
/** Lines of those fields, together. */
const signedLines = 2000

export interface SignaturesToCheck {
  /**
   * What the library may see: the signatures, and the fields that they cover, in their order. With
   * the empty line.
   */
  readonly header: Buffer
  /** Names at which the keys of aligned signatures are; no other is asked for. In lower case. */
  readonly keys: ReadonlySet<string>
}

interface Signature {
  readonly field: HeaderField
  readonly domain: string
  readonly key: string
  /** Names of the fields that it covers. */
  readonly covers: readonly string[]
}

/**
 * At most `most` signatures, those of `domain`'s organisation first. `header`: as it was received,
 * with the CRLF of its last field. A string says why there is nothing to check.
 */
export function chooseSignatures(
  header: Buffer,
  domain: string,
  most: number,
): SignaturesToCheck | string {
  const fields = readFields(header)?.all
  if (fields === undefined) return 'the header section has too many fields'
  const signatures = fields.flatMap((field) =>
    field.name === 'dkim-signature' ? readSignature(field) : [],
  )
  if (signatures.length === 0)
    return fields.some(({ name }) => name === 'dkim-signature') ? 'unreadable' : 'none'
  const own = (signature: Signature): boolean => aligned(signature.domain, domain)
  const chosen = firstOf(signatures, own, most)
  const keys = new Set(chosen.filter(own).map(({ key }) => key))
  if (keys.size === 0) return 'not aligned'
  const kept = coveredBy(chosen, fields)
  if (kept === undefined) return 'the signed header fields are too large'
  return { header: toOctets(`${kept.map(({ raw }) => raw).join('')}\r\n`), keys }
}

function firstOf(
  signatures: readonly Signature[],
  own: (one: Signature) => boolean,
  most: number,
): Signature[] {
  const chosen: Signature[] = []
  for (const signature of signatures)
    if (chosen.length < most && own(signature)) chosen.push(signature)
  for (const signature of signatures)
    if (chosen.length < most && !own(signature)) chosen.push(signature)
  return chosen
}

function coveredBy(
  chosen: readonly Signature[],
  fields: readonly HeaderField[],
): HeaderField[] | undefined {
  const names = new Set(chosen.flatMap(({ covers }) => covers))
  const looked = new Set(chosen.map(({ field }) => field))
  const kept = fields.filter(
    (field) => looked.has(field) || (!isSignature(field.name) && names.has(field.name)),
  )
  const octets = kept.reduce((sum, field) => sum + field.raw.length, 0)
  const lines = kept.reduce((sum, field) => sum + field.lines, 0)
  const room = chosen.length * signatureOctets
  return octets > signedOctets + room || lines > signedLines ? undefined : kept
}

/** What the library itself would look at and ask for, whoever names it. */
const isSignature = (name: string): boolean => name === 'dkim-signature' || name.startsWith('arc-')

function readSignature(field: HeaderField): Signature[] {
  if (field.raw.length > signatureOctets) return []
  const tags = new Map(
    readable(field.value)
      .split(';')
      .map((tag) => [
        tag.slice(0, tag.indexOf('=')).trim().toLowerCase(),
        tag.slice(tag.indexOf('=') + 1),
      ]),
  )
  const value = (tag: string): string =>
    (tags.get(tag) ?? '').replaceAll(/[ \t\r\n]/g, '').toLowerCase()
  const domain = value('d')
  const selector = value('s')
  if (domain === '' || selector === '') return []
  const covers = value('h')
    .split(':')
    .filter((name) => name !== '')
  return [{ field, domain, key: nameInDns(`${selector}._domainkey.${domain}`), covers }]
}

/** In lower case and A-labels. */
export const nameInDns = (name: string): string => domainToASCII(name) || name.toLowerCase()
