/** What has happened lately, for who comes when it is over. */
import { operation } from '../operation.ts'
import { happened, parameters, wholeNumber } from '../schemas.ts'

export const listHappened = operation({
  id: 'listHappened',
  method: 'GET',
  path: '/api/v1/happened',
  summary:
    'What seldom happens, such as servers that go and come, changes, reloads and troubles, since the start of this front-end; the last one first.',
  query: parameters({ limit: wholeNumber(1, 100).default(50).describe('How many to list.') }),
  answer: happened,
  statuses: { 200: 'As many as asked for, and are kept: a hundred, within 256 KiB.' },
  handle: (context, { query: { limit } }) => ({
    value: {
      events: context
        .happened(limit)
        .map((data) => JSON.parse(data) as { readonly kind: string; readonly at: number }),
    },
  }),
})
