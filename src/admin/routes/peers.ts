import {
  type ConfigurableStrategy,
  configurableStrategies,
  isConfigurableStrategy,
} from '../../strategy/names.ts'
import type { AdminContext } from '../context.ts'
import { durationForm, parseDuration } from '../duration.ts'
import {
  type AdminRequest,
  type AdminResponse,
  type Route,
  jsonResponse,
  problem,
} from '../exchange.ts'
import { peerJson } from '../views.ts'

/**
 * The peer classes, and the strategy of one: `PUT {"strategy":"group","for":"2h"}`, `DELETE` to go
 * back to the configured one.
 */
export const peerRoutes: readonly Route[] = [
  {
    path: ['api', 'v1', 'peers'],
    open: false,
    methods: { GET: (context) => jsonResponse(200, { peers: context.peers().map(peerJson) }) },
  },
  {
    path: ['api', 'v1', 'peers', ':name', 'strategy'],
    open: false,
    methods: { PUT: setStrategy, DELETE: resetStrategy },
  },
]

async function setStrategy(context: AdminContext, request: AdminRequest): Promise<AdminResponse> {
  const body = await request.json()
  if (!body.ok) return body.response
  const order = parseOrder(body.value)
  if ('status' in order) return order
  const name = request.params.get('name') ?? ''
  const until = order.forMs === undefined ? undefined : Date.now() + order.forMs
  const peer = await context.setStrategy(name, order.strategy, until, request.by)
  return peer === undefined ? unknownPeer(context) : jsonResponse(200, peerJson(peer))
}

async function resetStrategy(context: AdminContext, request: AdminRequest): Promise<AdminResponse> {
  const peer = await context.resetStrategy(request.params.get('name') ?? '', request.by)
  return peer === undefined ? unknownPeer(context) : jsonResponse(200, peerJson(peer))
}

const unknownPeer = (context: AdminContext): AdminResponse =>
  problem(
    404,
    'there is no such peer class',
    `one of ${context
      .peers()
      .map(({ name }) => name)
      .join(', ')}`,
  )

interface Order {
  readonly strategy: ConfigurableStrategy
  readonly forMs: number | undefined
}

function parseOrder(value: unknown): Order | AdminResponse {
  const form = 'an object with "strategy" and, if wanted, "for": {"strategy":"group","for":"2h"}'
  if (typeof value !== 'object' || value === null || Array.isArray(value))
    return problem(400, 'the body is no object', form)
  const { strategy, for: duration, ...more } = value as Readonly<Record<string, unknown>>
  const unknownKey = Object.keys(more)[0]
  if (unknownKey !== undefined)
    return problem(400, `the key ${JSON.stringify(unknownKey.slice(0, 50))} is unknown`, form)
  if (typeof strategy !== 'string' || !isConfigurableStrategy(strategy)) {
    return problem(
      400,
      '"strategy" is missing or unknown',
      `one of ${configurableStrategies.join(', ')}`,
    )
  }
  if (duration === undefined) return { strategy, forMs: undefined }
  const forMs = typeof duration === 'string' ? parseDuration(duration) : undefined
  return forMs === undefined
    ? problem(400, '"for" is no duration', durationForm)
    : { strategy, forMs }
}
