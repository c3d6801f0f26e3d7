/** What Prometheus scrapes (docs/metrics.md). */
import { operation } from '../operation.ts'

export const getMetrics = operation({
  id: 'getMetrics',
  method: 'GET',
  path: '/metrics',
  summary: 'All metrics, in the text format of Prometheus or in OpenMetrics.',
  access: 'open',
  headers: { accept: '`application/openmetrics-text` asks for OpenMetrics 1.0.0.' },
  statuses: { 200: 'The metrics.' },
  async handle(context, { headers }) {
    const { contentType, octets, done } = await context.metrics(headers.get('accept'))
    return { status: 200, contentType, body: octets, ...(done !== undefined && { done }) }
  },
})
