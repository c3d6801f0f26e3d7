/** What all database servers have in common, whatever they are asked by. */
import { type ListName, parseQuery, type Query } from './query.ts'

export interface ServerSettings {
  /** A name, an address, or the path of a Unix socket (its directory for PostgreSQL). */
  readonly host: string
  readonly port: number
  readonly database: string
  readonly user: string
  readonly password?: string | undefined
  /** Authorities in PEM; empty: those of Node. Absent: without TLS. */
  readonly tls?: { readonly ca: string } | undefined
  /** At one time. */
  readonly connections: number
  readonly query: string
  /** Of a question; the server ends it then, too. */
  readonly limitMs: number
}

/** How long a connection is kept that nobody uses. */
export const idleMs = 60_000

/** The database has no letters for one of the keys, and has refused the question because of it. */
export class UntranslatableKeyError extends Error {}

/**
 * A query as a driver takes it: its text, and the lists in the order of the parameters.
 * `parameters` is called for each list in the query.
 */
export function driverQuery(
  text: string,
  parameters: (list: ListName, index: number) => string,
): { readonly text: string; readonly lists: readonly ListName[] } {
  const { pieces } = parseQuery(text)
  const lists = listsOf(pieces)
  let index = 0
  const parts = pieces.map((piece) =>
    typeof piece === 'string' ? piece : parameters(piece.list, index++),
  )
  return { text: parts.join(''), lists }
}

const listsOf = (pieces: Query['pieces']): readonly ListName[] =>
  pieces.flatMap((piece) => (typeof piece === 'string' ? [] : [piece.list]))
