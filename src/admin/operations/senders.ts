/** What was learned of senders: the list, pinning one to a strategy, forgetting one. */
import { z } from 'zod'
import { problem } from '../exchange.ts'
import { operation } from '../operation.ts'
import {
  exactly,
  forgotten,
  parameters,
  pinnedStrategy,
  sender,
  senders,
  servedStrategy,
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

export const pinSender = operation({
  id: 'pinSender',
  method: 'PUT',
  path,
  summary:
    'Serves a sender with this strategy, whatever Rcptwise has learned of it; `auto`: as learned again.',
  params,
  body: exactly({ strategy: pinnedStrategy }, 'an object with "strategy": {"strategy":"late"}'),
  answer: z.union([sender, forgotten]),
  statuses: {
    200: 'The strategy applies; with `auto` a sender of which nothing is known is new again.',
  },
  async handle(context, { params: { name }, body: { strategy }, by }) {
    const pinned = await context.pinSender(name, strategy === 'auto' ? undefined : strategy, by)
    return { value: pinned === undefined ? { name, forgotten: true } : senderJson(pinned) }
  },
})

export const forgetSender = operation({
  id: 'forgetSender',
  method: 'DELETE',
  path,
  summary: 'Forgets what Rcptwise has learned of a sender, which is then as new.',
  params,
  answer: forgotten,
  statuses: { 200: 'It is forgotten.', 404: 'Nothing is known of this sender.' },
  async handle(context, { params: { name }, by }) {
    return (await context.forgetSender(name, by))
      ? { value: { name, forgotten: true } }
      : problem(404, 'nothing is known of this sender', 'a name as in GET /api/v1/senders')
  },
})
