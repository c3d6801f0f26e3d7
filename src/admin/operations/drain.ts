/** That no split is begun any more, and who is waited for until Rcptwise can be taken away. */
import { operation } from '../operation.ts'
import { drain, parameters, reason, wholeNumber } from '../schemas.ts'
import { drainJson } from '../views.ts'

const path = '/api/v1/drain'
const limit = wholeNumber(1, 1000).default(20).describe('How many of the splits to name.')
const query = parameters({ limit })
const changeQuery = parameters({ limit, reason: reason.optional() })

export const getDrain = operation({
  id: 'getDrain',
  method: 'GET',
  path,
  summary: 'Whether new splits are begun, and in which open ones somebody has the message already.',
  query,
  answer: drain,
  statuses: { 200: 'As the ledger knows it now.' },
  async handle(context, { query: { limit } }) {
    return { value: drainJson(await context.drained(limit)) }
  },
})

export const beginDrain = operation({
  id: 'beginDrain',
  method: 'PUT',
  path,
  summary: 'Begins no new split, on every front-end of this ledger; open ones go on.',
  query: changeQuery,
  answer: drain,
  statuses: { 200: 'No new split is begun, but for what `notYet` names.' },
  async handle(context, { query: { limit, reason }, by }) {
    return { value: drainJson(await context.drain(limit, { by, reason })) }
  },
})

export const endDrain = operation({
  id: 'endDrain',
  method: 'DELETE',
  path,
  summary: 'Begins new splits again.',
  query: changeQuery,
  answer: drain,
  statuses: { 200: 'Messages are split as configured, but for what `notYet` names.' },
  async handle(context, { query: { limit, reason }, by }) {
    return { value: drainJson(await context.undrain(limit, { by, reason })) }
  },
})
