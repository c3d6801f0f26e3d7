import type { AdminContext } from '../context.ts'
import {
  type AdminRequest,
  type AdminResponse,
  type Route,
  jsonResponse,
  problem,
} from '../exchange.ts'
import { splitJson } from '../views.ts'

const defaultLimit = 100
const highestLimit = 1000

/**
 * Open splits, oldest first (`?limit=`; `?missing=true`: those with recipients whom nobody offers
 * again), one split, and letting one through unsplit.
 */
export const splitRoutes: readonly Route[] = [
  { path: ['api', 'v1', 'splits'], open: false, methods: { GET: listSplits } },
  { path: ['api', 'v1', 'splits', ':id'], open: false, methods: { GET: showSplit } },
  { path: ['api', 'v1', 'splits', ':id', 'forgive'], open: false, methods: { POST: forgiveSplit } },
]

/** `more` is true when there are more than the limit. */
async function listSplits(context: AdminContext, request: AdminRequest): Promise<AdminResponse> {
  const asked = request.query.get('limit') ?? String(defaultLimit)
  const limit = /^[0-9]{1,5}$/.test(asked) ? Number(asked) : 0
  if (limit < 1 || limit > highestLimit) {
    return problem(400, '"limit" is not possible', `a number from 1 to ${highestLimit}`)
  }
  const missing = request.query.get('missing') ?? 'false'
  if (missing !== 'true' && missing !== 'false')
    return problem(400, '"missing" is not possible', 'true or false')
  const splits = await (missing === 'true' ? context.missing(limit + 1) : context.splits(limit + 1))
  return jsonResponse(200, {
    splits: splits.slice(0, limit).map(splitJson),
    more: splits.length > limit,
  })
}

async function showSplit(context: AdminContext, request: AdminRequest): Promise<AdminResponse> {
  const split = await context.split(request.params.get('id') ?? '')
  if (split === undefined) return unknownSplit
  const fates = split.status === 'open' ? { ifForgiven: context.ifForgiven(split) } : {}
  return jsonResponse(200, { ...splitJson(split), ...fates })
}

async function forgiveSplit(context: AdminContext, request: AdminRequest): Promise<AdminResponse> {
  const id = request.params.get('id') ?? ''
  const split = await context.split(id)
  if (split === undefined) return unknownSplit
  if (split.status !== 'open')
    return problem(409, `this split is ${split.status} already`, 'the id of an open split')
  const forgiven = await context.forgive(id, request.by)
  return forgiven === undefined ? unknownSplit : jsonResponse(200, splitJson(forgiven))
}

const unknownSplit = problem(
  404,
  'there is no such split',
  'an id as in the log or in GET /api/v1/splits; one that ended long ago is forgotten',
)
