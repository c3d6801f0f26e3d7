/**
 * Values as JSON that come back as they were: maps, sets, octets, and numbers that JSON does not
 * know. Whatever is none of these and no plain data is refused.
 */
import type { TextSource } from '../message/text-source.ts'

/** What stands for a value that JSON has no word for. */
interface Words {
  readonly $map: readonly (readonly [unknown, unknown])[]
  readonly $set: readonly unknown[]
  readonly $octets: string
  readonly $number: string
  readonly $undefined: true
  /** A text: no octet of one is kept. */
  readonly $text: true
  /** An object that might be taken for one of these. */
  readonly $object: object
}
type Written = { [Word in keyof Words]: Pick<Words, Word> }[keyof Words]

export function encode(value: unknown): unknown {
  switch (typeof value) {
    case 'string':
    case 'boolean':
      return value
    case 'number':
      return Number.isFinite(value) && !Object.is(value, -0)
        ? value
        : written({ $number: Object.is(value, -0) ? '-0' : String(value) })
    case 'undefined':
      return written({ $undefined: true })
    case 'object':
      return value === null ? null : encodeObject(value)
    case 'bigint':
    case 'symbol':
    case 'function':
      throw new TypeError(`a journal can't hold a ${typeof value}`)
  }
}

const written = (value: Written): Written => value

function encodeObject(value: object): unknown {
  if (Array.isArray(value)) return value.map(encode)
  if (value instanceof Map)
    return written({ $map: [...value].map(([key, of]) => [encode(key), encode(of)]) })
  if (value instanceof Set) return written({ $set: [...value].map(encode) })
  if (isText(value)) return written({ $text: true })
  if (value instanceof Uint8Array) return written({ $octets: base64Of(value) })
  const prototype: unknown = Object.getPrototypeOf(value)
  if (prototype !== Object.prototype && prototype !== null)
    throw new TypeError(`a journal can't hold an object of class ${value.constructor.name}`)
  const entries = Object.entries(value).filter(([, of]) => of !== undefined)
  const plain = Object.fromEntries(entries.map(([key, of]) => [key, encode(of)]))
  return entries.some(([key]) => key.startsWith('$')) ? written({ $object: plain }) : plain
}

export function decode(value: unknown): unknown {
  if (typeof value !== 'object' || value === null) return value
  if (Array.isArray(value)) return value.map(decode)
  const one: Partial<Words> = value
  if (one.$map !== undefined)
    return new Map(one.$map.map(([key, of]) => [decode(key), decode(of)] as const))
  if (one.$set !== undefined) return new Set(one.$set.map(decode))
  if (one.$octets !== undefined) return Buffer.from(one.$octets, 'base64')
  if (one.$number !== undefined) return Number(one.$number)
  if (one.$undefined !== undefined) return undefined
  if (one.$text !== undefined) return noText
  return plainOf(one.$object ?? value)
}

const isText = (value: object): boolean => 'chunks' in value && typeof value.chunks === 'function'

/** In place of a text that was not kept. */
const noText: TextSource = {
  whole: () => [],
  async *chunks() {
    await Promise.resolve()
  },
}

const plainOf = (value: object): unknown =>
  Object.fromEntries(Object.entries(value).map(([key, of]) => [key, decode(of)]))

const base64Of = (octets: Uint8Array): string =>
  Buffer.from(octets.buffer, octets.byteOffset, octets.byteLength).toString('base64')
