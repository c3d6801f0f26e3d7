/** The peer classes, and the strategy of one. */
import { z } from 'zod'
import type { AdminContext } from '../context.ts'
import { parseDuration } from '../duration.ts'
import { type AdminResponse, problem } from '../exchange.ts'
import { operation } from '../operation.ts'
import {
  configurableStrategy,
  duration,
  exactly,
  peer,
  peers,
  peerStrategy,
  reason,
  withReason,
} from '../schemas.ts'
import { peerJson } from '../views.ts'

export const listPeers = operation({
  id: 'listPeers',
  method: 'GET',
  path: '/api/v1/peers',
  summary:
    'The peer classes in the order of the configuration, and the strategy that applies to each.',
  answer: peers,
  statuses: { 200: 'All of them.' },
  handle: (context) => ({ value: { peers: context.peers().map(peerJson) } }),
})

const params = z.object({ name: z.string().describe('The name of a peer class.') })
const path = '/api/v1/peers/{name}/strategy'

/** What a change needs to know: it does not change with what is learned or counted. */
function currentOf(context: AdminContext, { name }: { readonly name: string }) {
  const found = context.peers().find((one) => one.name === name)
  if (found === undefined) return undefined
  const { configured, inForce, override } = peerJson(found)
  return { name, configured, inForce, ...(override !== undefined && { override }) }
}

export const getStrategy = operation({
  id: 'getStrategy',
  method: 'GET',
  path,
  summary: 'The strategy that applies to a peer class.',
  params,
  answer: peerStrategy,
  statuses: { 200: 'The strategy.', 404: 'There is no such peer class.' },
  handle(context, { params }) {
    const value = currentOf(context, params)
    return value === undefined ? unknownPeer(context) : { value }
  },
})

export const setStrategy = operation({
  id: 'setStrategy',
  method: 'PUT',
  path,
  summary: 'Serves a peer class with another strategy, from its next transaction on.',
  params,
  body: exactly(
    { strategy: configurableStrategy, for: duration.optional(), reason: reason.optional() },
    'an object with "strategy" and, if wanted, "for" and "reason": {"strategy":"group","for":"2h"}',
  ),
  answer: peer,
  statuses: {
    200: 'The strategy applies, but for what `notYet` names.',
    404: 'There is no such peer class.',
  },
  current: currentOf,
  async handle(context, { params: { name }, body, by }) {
    const forMs = body.for === undefined ? undefined : parseDuration(body.for)
    const until = forMs === undefined ? undefined : Date.now() + forMs
    const author = { by, reason: body.reason }
    const set = await context.setStrategy(name, body.strategy, until, author)
    return set === undefined ? unknownPeer(context) : { value: peerJson(set) }
  },
})

export const resetStrategy = operation({
  id: 'resetStrategy',
  method: 'DELETE',
  path,
  summary: 'Goes back to the configured strategy of a peer class.',
  params,
  query: withReason,
  answer: peer,
  statuses: {
    200: 'The strategy of the configuration applies.',
    404: 'There is no such peer class.',
  },
  current: currentOf,
  async handle(context, { params: { name }, query, by }) {
    const reset = await context.resetStrategy(name, { by, reason: query.reason })
    return reset === undefined ? unknownPeer(context) : { value: peerJson(reset) }
  },
})

const unknownPeer = (context: AdminContext): AdminResponse =>
  problem(
    404,
    'there is no such peer class',
    `one of ${context
      .peers()
      .map(({ name }) => name)
      .join(', ')}`,
  )
