import type { Route } from '../exchange.ts'

/** `GET /metrics`: what Prometheus scrapes (docs/metrics.md). */
export const metricsRoutes: readonly Route[] = [
  {
    path: ['metrics'],
    open: true,
    methods: {
      GET: async (context) => {
        const { contentType, text } = await context.metrics()
        return { status: 200, contentType, body: text }
      },
    },
  },
]
