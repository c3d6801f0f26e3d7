/** Cuts octets into pieces, for "split anywhere, same result". */
import fc from 'fast-check'

export const cuts = fc.array(fc.nat({ max: 120 }), { maxLength: 12 })

export function cut(wire: Buffer, at: readonly number[]): Buffer[] {
  const places = [...new Set(at.map((place) => Math.min(place, wire.length)))].sort((a, b) => a - b)
  return [...places, wire.length].map((end, i) => wire.subarray(i === 0 ? 0 : places[i - 1], end))
}

export const octet = (text: string): Buffer => Buffer.from(text, 'latin1')
