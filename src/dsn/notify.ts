/** What a sender asked for in the way of reports (RFC 3461). */
import { readable } from '../smtp/octets.ts'
import { decodeXtext } from '../smtp/xtext.ts'

/** May a refusal of this recipient be reported? Without NOTIFY it may (RFC 3461 4.1). */
export function mayNotify(notify: string | undefined): boolean {
  return notify === undefined || notify.toUpperCase().split(',').includes('FAILURE')
}

/**
 * RET: the whole message, or its header section, which is also the default here (RFC 3461 4.3
 * leaves it open).
 */
export const wantsWholeText = (ret: string | undefined): boolean => ret?.toUpperCase() === 'FULL'

/** Address type and address of an ORCPT parameter, decoded (RFC 3461 4.2, RFC 6533 3). */
export interface OriginalRecipient {
  /** In lower case. */
  readonly type: string
  readonly address: string
}

/** Undefined when it is none. `value` is one character an octet (octets.ts), as parameters are. */
export function parseOriginalRecipient(value: string): OriginalRecipient | undefined {
  const match = /^([A-Za-z0-9-]+);(.+)$/.exec(value)
  if (match?.[1] === undefined || match[2] === undefined) return undefined
  const type = match[1].toLowerCase()
  const address = type === 'utf-8' ? decodeUnitext(match[2]) : readableXtext(match[2])
  return address === undefined ? undefined : { type, address }
}

function readableXtext(value: string): string | undefined {
  const octets = decodeXtext(value)
  return octets === undefined ? undefined : readable(octets)
}

const codePoint = /\\x\{([0-9A-Fa-f]{1,6})\}/g

/** Octets of UTF-8, or ASCII with `\x{221E}` for what is not (RFC 6533 3: utf-8-addr-xtext). */
function decodeUnitext(value: string): string {
  return readable(value).replace(codePoint, (form, digits: string) => {
    const point = Number.parseInt(digits, 16)
    return point > 0x10_ff_ff || (point >= 0xd8_00 && point <= 0xdf_ff)
      ? form
      : String.fromCodePoint(point)
  })
}
