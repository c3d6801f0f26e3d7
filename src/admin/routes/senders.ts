import { isStrategyName, type StrategyName, strategyNames } from '../../strategy/names.ts'
import type { AdminContext } from '../context.ts'
import {
  type AdminRequest,
  type AdminResponse,
  type Route,
  jsonResponse,
  problem,
} from '../exchange.ts'
import { senderJson } from '../views.ts'

const mostShown = 1000

/**
 * What was learned of senders, the last changed first; of one: `PUT {"strategy":"late"}` serves it
 * so whatever was learned (`auto`: as learned again), `DELETE` forgets what is known of it.
 */
export const senderRoutes: readonly Route[] = [
  { path: ['api', 'v1', 'senders'], open: false, methods: { GET: listSenders } },
  {
    path: ['api', 'v1', 'senders', ':name'],
    open: false,
    methods: { PUT: pinSender, DELETE: forgetSender },
  },
]

/** `?strategy=` shows only those; `more` is true when there are more than are shown. */
function listSenders(context: AdminContext, request: AdminRequest): AdminResponse {
  const wanted = request.query.get('strategy')
  if (wanted !== null && !isStrategyName(wanted))
    return problem(400, '"strategy" is unknown', `one of ${strategyNames.join(', ')}`)
  const senders = context.senders().filter(({ strategy }) => wanted === null || strategy === wanted)
  return jsonResponse(200, {
    senders: senders.slice(0, mostShown).map(senderJson),
    more: senders.length > mostShown,
  })
}

/** Lower-case domains and networks, as `senders` lists them. */
const nameForm = /^(?:[a-z0-9_-]+(?:\.[a-z0-9_-]+)+|(?:\d{1,3}\.){3}0\/24|[0-9a-f:]{1,39}::\/64)$/

async function pinSender(context: AdminContext, request: AdminRequest): Promise<AdminResponse> {
  const body = await request.json()
  if (!body.ok) return body.response
  const strategy = parsePin(body.value)
  if (typeof strategy === 'object') return strategy
  const name = (request.params.get('name') ?? '').toLowerCase()
  if (name.length > 253 || !nameForm.test(name))
    return problem(
      400,
      'this is no name of a sender',
      'a domain, or a network such as 192.0.2.0/24 or 2001:db8:0:1::/64',
    )
  const sender = await context.pinSender(
    name,
    strategy === 'auto' ? undefined : strategy,
    request.by,
  )
  return sender === undefined
    ? jsonResponse(200, { name, forgotten: true })
    : jsonResponse(200, senderJson(sender))
}

async function forgetSender(context: AdminContext, request: AdminRequest): Promise<AdminResponse> {
  const name = (request.params.get('name') ?? '').toLowerCase()
  const forgotten = await context.forgetSender(name, request.by)
  return forgotten
    ? jsonResponse(200, { name, forgotten })
    : problem(404, 'nothing is known of this sender', 'a name as in GET /api/v1/senders')
}

function parsePin(value: unknown): StrategyName | 'auto' | AdminResponse {
  const form = 'an object with "strategy": {"strategy":"late"}'
  if (typeof value !== 'object' || value === null || Array.isArray(value))
    return problem(400, 'the body is no object', form)
  const { strategy, ...more } = value as Readonly<Record<string, unknown>>
  const unknownKey = Object.keys(more)[0]
  if (unknownKey !== undefined)
    return problem(400, `the key ${JSON.stringify(unknownKey.slice(0, 50))} is unknown`, form)
  if (strategy === 'auto' || (typeof strategy === 'string' && isStrategyName(strategy)))
    return strategy
  return problem(
    400,
    '"strategy" is missing or unknown',
    `one of ${strategyNames.join(', ')}, auto`,
  )
}
