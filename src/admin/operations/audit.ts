/** Who changed what, and why. */
import { operation } from '../operation.ts'
import { audit, parameters, wholeNumber } from '../schemas.ts'
import { auditJson } from '../views.ts'

export const listAudit = operation({
  id: 'listAudit',
  method: 'GET',
  path: '/api/v1/audit',
  summary:
    'Who has changed what by this front-end, from what to what, and why; the last one first.',
  query: parameters({ limit: wholeNumber(1, 1000).default(100).describe('How many to list.') }),
  answer: audit,
  statuses: { 200: 'As many as asked for.' },
  handle(context, { query: { limit } }) {
    const entries = context.audit(limit + 1)
    return {
      value: { entries: entries.slice(0, limit).map(auditJson), more: entries.length > limit },
    }
  },
})
