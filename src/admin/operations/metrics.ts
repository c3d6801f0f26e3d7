/** What Prometheus scrapes (docs/metrics.md). */
import { operation } from '../operation.ts'

export const getMetrics = operation({
  id: 'getMetrics',
  method: 'GET',
  path: '/metrics',
  summary: 'All metrics, in the text format of Prometheus.',
  open: true,
  statuses: { 200: 'The metrics.' },
  async handle(context) {
    const { contentType, text } = await context.metrics()
    return { status: 200, contentType, body: text }
  },
})
