/** Open splits, one split, and letting one through unsplit. */
import { z } from 'zod'
import type { AdminContext } from '../context.ts'
import { problem } from '../exchange.ts'
import { operation } from '../operation.ts'
import { parameters, split, splits, wholeNumber, withReason, yesOrNo } from '../schemas.ts'
import { splitJson } from '../views.ts'

const defaultLimit = 100
const highestLimit = 1000

export const listSplits = operation({
  id: 'listSplits',
  method: 'GET',
  path: '/api/v1/splits',
  summary: 'The open splits, oldest first.',
  query: parameters({
    limit: wholeNumber(1, highestLimit).default(defaultLimit).describe('How many to list.'),
    missing: yesOrNo
      .default(false)
      .describe('Only those with recipients whom nobody offers again, the longest first.'),
  }),
  answer: splits,
  statuses: { 200: 'As many as asked for.' },
  async handle(context, { query: { limit, missing } }) {
    const found = await (missing ? context.missing(limit + 1) : context.splits(limit + 1))
    return {
      value: { splits: found.slice(0, limit).map(splitJson), more: found.length > limit },
    }
  },
})

const params = z.object({ id: z.string().describe('The id of a split, as in the log.') })

export const getSplit = operation({
  id: 'getSplit',
  method: 'GET',
  path: '/api/v1/splits/{id}',
  summary: 'One split, also one that has ended, as long as the ledger keeps it.',
  params,
  answer: split,
  statuses: { 200: 'The split.', 404: 'There is none of this id.' },
  async handle(context, { params: { id } }) {
    const value = await currentOf(context, { id })
    return value === undefined ? unknownSplit : { value }
  },
})

async function currentOf(context: AdminContext, { id }: { readonly id: string }) {
  const found = await context.split(id)
  if (found === undefined) return undefined
  const fates = found.status === 'open' ? { ifForgiven: [...context.ifForgiven(found)] } : {}
  return { ...splitJson(found), ...fates }
}

export const forgiveSplit = operation({
  id: 'forgiveSplit',
  method: 'POST',
  path: '/api/v1/splits/{id}/forgive',
  summary: 'Lets a message through unsplit from its next attempt on.',
  params,
  query: withReason,
  answer: split,
  statuses: {
    200: 'It is forgiven.',
    404: 'There is none of this id.',
    409: 'It has ended already.',
  },
  current: currentOf,
  async handle(context, { params: { id }, query, by }) {
    const found = await context.split(id)
    if (found === undefined) return unknownSplit
    if (found.status !== 'open')
      return problem(409, `this split is ${found.status} already`, 'the id of an open split')
    const forgiven = await context.forgive(id, { by, reason: query.reason })
    return forgiven === undefined ? unknownSplit : { value: splitJson(forgiven) }
  },
})

const unknownSplit = problem(
  404,
  'there is no such split',
  'an id as in the log or in GET /api/v1/splits; one that ended long ago is forgotten',
)
