/** The last hours, minute by minute, and how things stand now. */
import { operation } from '../operation.ts'
import { recentAnswer } from '../recent-schema.ts'
import { parameters, wholeNumber } from '../schemas.ts'

const defaultMinutes = 60
const mostMinutes = 1440

export const getRecent = operation({
  id: 'getRecent',
  method: 'GET',
  path: '/api/v1/recent',
  summary: 'What was counted lately, minute by minute since the start, and how things stand now.',
  query: parameters({
    minutes: wholeNumber(1, mostMinutes).default(defaultMinutes).describe('How many to tell.'),
  }),
  answer: recentAnswer,
  statuses: { 200: 'As counted a second ago at most.' },
  async handle(context, { query: { minutes } }) {
    const { ready, reasons, draining } = context.ready()
    const view = await context.recent()
    return {
      value: {
        ...context.about(),
        ...{ ready, reasons: [...reasons], draining },
        ...view,
        minutes: view.minutes.slice(-minutes).map((each) => ({
          ...each,
          delays: each.delays.map((one) => ({ ...one, counts: [...one.counts] })),
        })),
        delayBounds: [...view.delayBounds],
        servers: [...view.servers],
        judges: [...view.judges],
      },
    }
  },
})
