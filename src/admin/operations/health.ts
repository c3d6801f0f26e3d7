/** Whether the process lives, and whether it can take mail. */
import { operation } from '../operation.ts'
import { health, readiness } from '../schemas.ts'

export const getHealth = operation({
  id: 'getHealth',
  method: 'GET',
  path: '/healthz',
  summary: 'The process answers.',
  access: 'open',
  answer: health,
  statuses: { 200: 'It does.' },
  handle: () => ({ value: { healthy: true } }),
})

export const getReadiness = operation({
  id: 'getReadiness',
  method: 'GET',
  path: '/readyz',
  summary: 'Whether serve can take mail.',
  access: 'open',
  answer: readiness,
  statuses: { 200: 'It can.', 503: "It can't, with the reasons." },
  handle(context) {
    const { ready, reasons, draining } = context.ready()
    return { status: ready ? 200 : 503, value: { ready, reasons: [...reasons], draining } }
  },
})
