/** Cuts octets into pieces, for "split anywhere, same result". */
import fc from 'fast-check'

export const cuts = fc.array(fc.nat({ max: 120 }), { maxLength: 12 })

export function cut(wire: Buffer, at: readonly number[]): Buffer[] {
  // A place that is there twice makes an empty piece.
  const places = at.map((place) => Math.min(place, wire.length)).sort((a, b) => a - b)
  return [...places, wire.length].map((end, i) => wire.subarray(i === 0 ? 0 : places[i - 1], end))
}

/** Not at all, everywhere, and at each place alone with an empty piece there. */
export function plainCuts(wire: string): number[][] {
  const everywhere = Array.from(wire, (_, place) => place)
  return [[], everywhere, ...everywhere.map((place) => [place, place])]
}

export const octet = (text: string): Buffer => Buffer.from(text, 'latin1')
