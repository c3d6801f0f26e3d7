/** What happens, as it happens. */
import { z } from 'zod'
import { operation } from '../operation.ts'
import { parameters } from '../schemas.ts'

const kindsForm = 'names of events with commas between them, such as transactionEnded,splitOpened'

const kinds = z
  .string({ error: kindsForm })
  .regex(/^[A-Za-z]{1,40}(?:,[A-Za-z]{1,40}){0,60}$/, { error: kindsForm })
  .optional()

export const readEvents = operation({
  id: 'readEvents',
  method: 'GET',
  path: '/api/v1/events',
  summary: 'What happens in all processes, as it happens; see "Live events" above.',
  query: parameters({
    kinds: kinds.describe('Only events of these names, with commas between them.'),
  }),
  headers: { 'last-event-id': 'The id of the last event that the client has read.' },
  media: 'text/event-stream',
  statuses: { 200: 'Events without end.' },
  handle(context, { query, headers }) {
    const lastEventId = headers.get('last-event-id')
    const wanted = query.kinds === undefined ? undefined : new Set(query.kinds.split(','))
    return {
      status: 200,
      contentType: 'text/event-stream',
      stream: (signal) => context.events.read(lastEventId, wanted, signal),
      headers: { 'x-accel-buffering': 'no' },
    }
  },
})
