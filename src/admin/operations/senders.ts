/** What was learned of senders: the list, pinning one to a strategy, forgetting one. */
import { z } from 'zod'
import type { AdminContext } from '../context.ts'
import { parseDuration } from '../duration.ts'
import { problem } from '../exchange.ts'
import { operation } from '../operation.ts'
import {
  duration,
  exactly,
  forgotten,
  parameters,
  pinnedStrategy,
  reason,
  sender,
  senders,
  senderStrategy,
  servedStrategy,
  withReason,
} from '../schemas.ts'
import { senderJson } from '../views.ts'

const mostShown = 1000

const nameForm = 'a domain, or a network such as 192.0.2.0/24 or 2001:db8:0:1::/64'

/** Domains and networks, as `listSenders` names them. */
const senderName = z
  .string()
  .toLowerCase()
  .max(253, { error: nameForm })
  .regex(/^(?:[a-z0-9_-]+(?:\.[a-z0-9_-]+)+|(?:\d{1,3}\.){3}0\/24|[0-9a-f:]{1,39}::\/64)$/, {
    error: nameForm,
  })

const params = z.object({ name: senderName.describe('A domain, or a network.') })

export const listSenders = operation({
  id: 'listSenders',
  method: 'GET',
  path: '/api/v1/senders',
  summary:
    'What Rcptwise has learned of senders, and how `auto` serves them; the last changed first.',
  query: parameters({
    strategy: servedStrategy.optional().describe('Only those that are served with it.'),
    name: senderName.optional().describe('Only this one: a domain, or a network.'),
  }),
  answer: senders,
  statuses: { 200: `At most ${mostShown} of them.` },
  handle(context, { query }) {
    const found = context
      .senders()
      .filter(({ strategy }) => query.strategy === undefined || strategy === query.strategy)
      .filter(({ name }) => query.name === undefined || name === query.name)
    return {
      value: {
        senders: found.slice(0, mostShown).map(senderJson),
        more: found.length > mostShown,
      },
    }
  },
})

const path = '/api/v1/senders/{name}'

const currentOf = (context: AdminContext, { name }: { readonly name: string }) => {
  const found = context.senders().find((one) => one.name === name)
  return found === undefined ? undefined : senderJson(found)
}

/** How a sender is served; what was counted of it changes with each message. */
function pinOf(context: AdminContext, { name }: { readonly name: string }) {
  const found = currentOf(context, { name })
  const { strategy, pin } = found ?? {}
  return { name, ...(strategy !== undefined && { strategy }), ...(pin !== undefined && { pin }) }
}

export const getSender = operation({
  id: 'getSender',
  method: 'GET',
  path,
  summary: 'What Rcptwise has learned of one sender.',
  params,
  answer: sender,
  statuses: { 200: 'The sender.', 404: 'Nothing is known of this sender.' },
  handle(context, { params }) {
    const value = currentOf(context, params)
    return value === undefined ? unknownSender : { value }
  },
})

export const getSenderStrategy = operation({
  id: 'getSenderStrategy',
  method: 'GET',
  path: `${path}/strategy`,
  summary: 'How a sender is served, and whether somebody has pinned it.',
  params,
  answer: senderStrategy,
  statuses: { 200: 'Also of a sender of whom nothing is known.' },
  handle: (context, { params }) => ({ value: pinOf(context, params) }),
})

export const pinSender = operation({
  id: 'pinSender',
  method: 'PUT',
  path: `${path}/strategy`,
  summary:
    'Serves a sender with this strategy, whatever Rcptwise has learned of it; `auto`: as learned again.',
  params,
  body: exactly(
    { strategy: pinnedStrategy, for: duration.optional(), reason: reason.optional() },
    'an object with "strategy" and, if wanted, "for" and "reason": {"strategy":"late","for":"2h"}',
  ),
  answer: z.union([sender, forgotten]),
  statuses: {
    200: 'The strategy applies; with `auto` a sender of which nothing is known is new again.',
  },
  current: pinOf,
  async handle(context, { params: { name }, body, by }) {
    const strategy = body.strategy === 'auto' ? undefined : body.strategy
    const forMs = body.for === undefined ? undefined : parseDuration(body.for)
    if (strategy === undefined && forMs !== undefined) return endlessAuto
    const until = forMs === undefined ? undefined : Date.now() + forMs
    const pinned = await context.pinSender(name, strategy, until, { by, reason: body.reason })
    return { value: pinned === undefined ? { name, forgotten: true } : senderJson(pinned) }
  },
})

export const forgetSender = operation({
  id: 'forgetSender',
  method: 'DELETE',
  path,
  summary: 'Forgets what Rcptwise has learned of a sender, which is then as new.',
  params,
  query: withReason,
  answer: forgotten,
  statuses: { 200: 'It is forgotten.', 404: 'Nothing is known of this sender.' },
  current: currentOf,
  async handle(context, { params: { name }, query, by }) {
    return (await context.forgetSender(name, { by, reason: query.reason }))
      ? { value: { name, forgotten: true } }
      : unknownSender
  },
})

const endlessAuto = problem(
  400,
  'a sender is served as learned until it is pinned again',
  'no "for" with "auto"',
)

const unknownSender = problem(
  404,
  'nothing is known of this sender',
  'a name as in GET /api/v1/senders',
)
