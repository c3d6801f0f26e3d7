/** Where a key stands in a YAML document: line and column. */
import {
  isAlias,
  isMap,
  isScalar,
  isSeq,
  type Document,
  type LineCounter,
  type Pair,
  type YAMLMap,
} from 'yaml'
import type { KeyPath } from './problem.ts'

export interface Position {
  readonly line: number
  readonly column: number
}

/** A YAML document that knows where its keys stand. */
export interface LocatedDocument {
  readonly document: Document
  readonly lines: LineCounter
}

const pairs = new WeakMap<YAMLMap, ReadonlyMap<string, Pair>>()

/** Its entries by their key: of a thousand mistakes in one map each asks for one. */
function pairsOf(map: YAMLMap): ReadonlyMap<string, Pair> {
  const known = pairs.get(map)
  if (known !== undefined) return known
  const made = new Map(
    map.items.flatMap((pair) => (isScalar(pair.key) ? [[String(pair.key.value), pair]] : [])),
  )
  pairs.set(map, made)
  return made
}

/**
 * Where a key or a list entry stands; when the file does not contain it, where the nearest thing
 * around it stands. Lines and columns count from 1.
 */
export function locate({ document, lines }: LocatedDocument, path: KeyPath): Position {
  let node: unknown = document.contents
  let offset = startOf(node) ?? 0
  for (const part of path) {
    if (isAlias(node)) node = node.resolve(document)
    if (isMap(node)) {
      const pair = pairsOf(node).get(String(part))
      if (pair === undefined) break
      offset = startOf(pair.key) ?? offset
      node = pair.value
    } else if (isSeq(node) && typeof part === 'number') {
      node = node.items[part]
      if (node === undefined) break
      offset = startOf(node) ?? offset
    } else break
  }
  return positionAt(lines, offset)
}

export function positionAt(lines: LineCounter, offset: number): Position {
  const { line, col } = lines.linePos(offset)
  return { line: Math.max(line, 1), column: Math.max(col, 1) }
}

function startOf(node: unknown): number | undefined {
  const positioned = isMap(node) || isSeq(node) || isScalar(node) || isAlias(node)
  return positioned ? node.range?.[0] : undefined
}
