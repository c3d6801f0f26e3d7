/** What became of messages, from the history. */
import { z } from 'zod'
import { parseDuration } from '../duration.ts'
import { problem } from '../exchange.ts'
import { operation } from '../operation.ts'
import { historyAnswer } from '../history-schema.ts'
import { duration, parameters, wholeNumber } from '../schemas.ts'

const defaultLimit = 100
const highestLimit = 1000

const words = (what: string) => z.string().min(1).max(1000).optional().describe(what)

export const searchHistory = operation({
  id: 'searchHistory',
  method: 'GET',
  path: '/api/v1/history',
  summary: 'What became of messages: every attempt, what each recipient was told, and why.',
  query: parameters({
    address: words('Of a recipient or of the sender.'),
    from: words('The sender.'),
    messageId: words('The Message-ID, with its brackets or without.'),
    client: words('The address of the client.'),
    split: words('The id of a split.'),
    queueId: words('The queue id of your server.'),
    since: duration.optional().describe('Only attempts that are no older than this, such as 2h.'),
    limit: wholeNumber(1, highestLimit)
      .default(defaultLimit)
      .describe('How many attempts to look for; the newest ones.'),
  }),
  answer: historyAnswer,
  statuses: {
    200: 'As many as asked for.',
    400: 'Nothing is asked about.',
    404: 'This front-end keeps no history.',
    500: 'The history can not be read.',
  },
  async handle(context, { query }) {
    const { address, from, messageId, client, split, queueId, since, limit } = query
    const asked = { address, from, messageId, client, split, queueId }
    if (Object.values(asked).every((value) => value === undefined))
      return problem(400, 'nothing is asked about', `one of ${Object.keys(asked).join(', ')}`)
    const sinceMs = since === undefined ? undefined : parseDuration(since)
    try {
      const found = await context.history({ ...asked, limit, sinceMs })
      return found === undefined
        ? problem(404, 'this front-end keeps no history', 'history in its configuration')
        : { value: found }
    } catch (error) {
      const why = error instanceof Error ? error.message : String(error)
      return problem(500, 'the history can not be read', why)
    }
  },
})
