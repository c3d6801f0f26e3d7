/**
 * What the schema says of itself: the keys at a path, and every key with its notes for the
 * reference.
 */
import type { z } from 'zod'
import { keyNotes, valueNotes } from './notation.ts'
import type { KeyPath } from './problem.ts'
import { schema } from './schema.ts'

/** One key of the reference. */
export interface DocumentedKey {
  /** Such as `peers[].strategy` or `policies.NAME.tag_at`. */
  readonly key: string
  readonly value: string
  /** As one would write it; absent for keys that must be given. */
  readonly default?: string
  readonly sentence: string
}

/** The keys that a map at this path may have; none when there is no map. */
export function knownKeys(path: KeyPath): readonly string[] {
  let at = content(schema)
  for (const part of path) {
    const def = at._zod.def
    const shape = def.type === 'object' ? def.shape[part] : undefined
    const inner = def.type === 'array' ? def.element : def.type === 'record' ? def.valueType : shape
    if (inner === undefined) return []
    at = content(inner)
  }
  const def = at._zod.def
  return def.type === 'object' ? Object.keys(def.shape) : []
}

/** Every key that can be written, in the schema's order. */
export const documentedKeys = (): readonly DocumentedKey[] => below('', schema)

function below(prefix: string, at: z.core.$ZodType): readonly DocumentedKey[] {
  const def = content(at)._zod.def
  switch (def.type) {
    case 'object':
      return Object.entries(def.shape).flatMap(([name, inner]) => {
        const key = prefix === '' ? name : `${prefix}.${name}`
        return [documented(key, inner), ...below(key, inner)]
      })
    case 'array':
      return below(`${prefix}[]`, def.element)
    case 'record':
      return below(`${prefix}.NAME`, def.valueType)
    default:
      return []
  }
}

function documented(key: string, schemaOfKey: z.core.$ZodType): DocumentedKey {
  const note = layers(schemaOfKey).flatMap((layer) => keyNotes.get(layer) ?? [])[0]
  if (note === undefined)
    throw new Error(`schema.ts: ${key} has no sentence; wrap its schema in key()`)
  const fallback = note.default ?? defaultOf(schemaOfKey)
  return {
    key,
    value: valueOf(schemaOfKey),
    ...(fallback !== undefined && { default: fallback }),
    sentence: note.sentence,
  }
}

function defaultOf(at: z.core.$ZodType): string | undefined {
  for (const layer of layers(at)) {
    const def = layer._zod.def
    if (def.type !== 'prefault') continue
    const fallback = def.defaultValue
    if (typeof fallback === 'object' && !Array.isArray(fallback)) return ''
    return `\`${typeof fallback === 'string' ? fallback : JSON.stringify(fallback)}\``
  }
  return undefined
}

/** What can be written, in words or as it is written. */
function valueOf(at: z.core.$ZodType): string {
  const noted = layers(at).flatMap((layer) => valueNotes.get(layer) ?? [])[0]
  if (noted !== undefined) return noted.value
  const def = content(at)._zod.def
  switch (def.type) {
    case 'object':
      return 'a map'
    case 'record':
      return 'a map of names'
    case 'array':
      return `a list, each ${valueOf(def.element)}`
    case 'enum':
      return Object.values(def.entries)
        .map((value) => `\`${value}\``)
        .join(', ')
    case 'literal':
      return def.values.map((value) => `\`${String(value)}\``).join(', ')
    case 'boolean':
      return '`true`, `false`'
    case 'union':
      return def.options.map(valueOf).join(', ')
    default:
      // The reader of the reference does not know zod's words.
      throw new Error(
        `schema.ts: what can be written for a ${def.type} has no words; give it a note (notation.ts)`,
      )
  }
}

/** A schema and what it wraps, from the outside in, up to what holds the content. */
function layers(at: z.core.$ZodType): readonly z.core.$ZodTypes[] {
  const found = [at as z.core.$ZodTypes]
  for (;;) {
    const def = found.at(-1)?._zod.def
    switch (def?.type) {
      case 'prefault':
      case 'optional':
      case 'nullable':
        found.push(def.innerType as z.core.$ZodTypes)
        continue
      case 'pipe': {
        // A short form is rewritten first and the content comes out; a notation goes in as text.
        const first = def.in as z.core.$ZodTypes
        found.push(first._zod.def.type === 'transform' ? (def.out as z.core.$ZodTypes) : first)
        continue
      }
      default:
        return found
    }
  }
}

const content = (at: z.core.$ZodType): z.core.$ZodTypes =>
  layers(at).at(-1) ?? (at as z.core.$ZodTypes)
