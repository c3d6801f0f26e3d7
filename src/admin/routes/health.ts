import { type Route, jsonResponse } from '../exchange.ts'

/**
 * `GET /healthz`: the process answers. `GET /readyz`: it can take mail; 503 with the reasons until
 * then.
 */
export const healthRoutes: readonly Route[] = [
  { path: ['healthz'], open: true, methods: { GET: () => jsonResponse(200, { healthy: true }) } },
  {
    path: ['readyz'],
    open: true,
    methods: {
      GET: (context) => {
        const { ready, reasons } = context.ready()
        return jsonResponse(ready ? 200 : 503, { ready, reasons })
      },
    },
  },
]
