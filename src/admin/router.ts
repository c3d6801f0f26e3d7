/** Which operation a request line means. Pure; any string may come in. */
import { type AdminResponse, problem } from './exchange.ts'
import type { Operation } from './operation.ts'

export type RouteMatch =
  | {
      readonly kind: 'found'
      /** All of one path, one a method. */
      readonly operations: readonly Operation[]
      readonly params: ReadonlyMap<string, string>
      readonly query: URLSearchParams
    }
  | { readonly kind: 'refused'; readonly response: AdminResponse }

interface Path {
  readonly path: string
  readonly parts: readonly string[]
  readonly operations: readonly Operation[]
}

export class Router {
  readonly #paths: readonly Path[]

  constructor(operations: readonly Operation[]) {
    const byPath = Map.groupBy(operations, ({ path }) => path)
    this.#paths = [...byPath].map(([path, operations]) => ({
      path,
      parts: path.slice(1).split('/'),
      operations,
    }))
  }

  /**
   * `target` is the request target as it came: origin-form only (RFC 9112 3.2.1), since this is no
   * proxy.
   */
  find(target: string): RouteMatch {
    const queryAt = target.indexOf('?')
    const path = queryAt === -1 ? target : target.slice(0, queryAt)
    const parts = path.startsWith('/') ? decodeParts(path.slice(1).split('/')) : undefined
    if (parts === undefined) {
      return refused(
        problem(
          400,
          'the path of the request is not valid',
          'a path such as /api/v1/peers, %-encoded as UTF-8',
        ),
      )
    }
    for (const { parts: wanted, operations } of this.#paths) {
      const params = matchParts(wanted, parts)
      if (params === undefined) continue
      const query = new URLSearchParams(queryAt === -1 ? '' : target.slice(queryAt + 1))
      return { kind: 'found', operations, params, query }
    }
    const known = this.#paths.map(({ path }) => path).join(', ')
    return refused(problem(404, 'there is nothing at this path', `one of ${known}`))
  }
}

/**
 * The operation for a method, HEAD being a GET without its body, or a 405 that names those there
 * are (RFC 9110 15.5.6).
 */
export function operationFor(
  operations: readonly Operation[],
  method: string,
): Operation | AdminResponse {
  const wanted = method === 'HEAD' ? 'GET' : method
  const found = operations.find((operation) => operation.method === wanted)
  if (found !== undefined) return found
  const allow = operations
    .flatMap(({ method }) => (method === 'GET' ? ['GET', 'HEAD'] : [method]))
    .join(', ')
  return { ...problem(405, 'this method is not possible here', allow), headers: { allow } }
}

const refused = (response: AdminResponse): RouteMatch => ({ kind: 'refused', response })

function decodeParts(parts: readonly string[]): readonly string[] | undefined {
  try {
    return parts.map((part) => decodeURIComponent(part))
  } catch {
    return undefined
  }
}

function matchParts(
  path: readonly string[],
  parts: readonly string[],
): ReadonlyMap<string, string> | undefined {
  if (path.length !== parts.length) return undefined
  const params = new Map<string, string>()
  for (const [i, wanted] of path.entries()) {
    const part = parts[i] ?? ''
    if (wanted.startsWith('{') && part !== '') params.set(wanted.slice(1, -1), part)
    else if (wanted !== part) return undefined
  }
  return params
}
