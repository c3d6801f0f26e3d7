/** Which route a request line means. Pure; any string may come in. */
import { type AdminResponse, type Handler, type Method, type Route, problem } from './exchange.ts'

export type RouteMatch =
  | {
      readonly kind: 'found'
      readonly route: Route
      readonly params: ReadonlyMap<string, string>
      readonly query: URLSearchParams
    }
  | { readonly kind: 'refused'; readonly response: AdminResponse }

/**
 * `target` is the request target as it came: origin-form only (RFC 9112 3.2.1), since this is no
 * proxy.
 */
export function findRoute(routes: readonly Route[], target: string): RouteMatch {
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
  for (const route of routes) {
    const params = matchParts(route.path, parts)
    if (params !== undefined) {
      const query = new URLSearchParams(queryAt === -1 ? '' : target.slice(queryAt + 1))
      return { kind: 'found', route, params, query }
    }
  }
  return refused(
    problem(
      404,
      'there is nothing at this path',
      'one of ' + routes.map((route) => describePath(route.path)).join(', '),
    ),
  )
}

/**
 * The handler for a method, HEAD being a GET without its body, or a 405 that names those there are
 * (RFC 9110 15.5.6).
 */
export function handlerFor(route: Route, method: string): Handler | AdminResponse {
  const allowed = Object.keys(route.methods)
  const wanted = method === 'HEAD' ? 'GET' : method
  const handler = allowed.includes(wanted) ? route.methods[wanted as Method] : undefined
  if (handler !== undefined) return handler
  const allow = allowed.flatMap((name) => (name === 'GET' ? ['GET', 'HEAD'] : [name])).join(', ')
  return { ...problem(405, 'this method is not possible here', allow), headers: { allow } }
}

const refused = (response: AdminResponse): RouteMatch => ({ kind: 'refused', response })

const describePath = (path: readonly string[]): string =>
  '/' + path.map((part) => (part.startsWith(':') ? `{${part.slice(1)}}` : part)).join('/')

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
    if (wanted.startsWith(':') && part !== '') params.set(wanted.slice(1), part)
    else if (wanted !== part) return undefined
  }
  return params
}
