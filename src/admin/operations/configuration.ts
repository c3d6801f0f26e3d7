/** Which configuration is in force. */
import { configuration } from '../configuration-schema.ts'
import { operation } from '../operation.ts'

export const getConfiguration = operation({
  id: 'getConfiguration',
  method: 'GET',
  path: '/api/v1/configuration',
  summary: 'Which configuration is in force, since when, and what the last reload refused.',
  answer: configuration,
  statuses: { 200: 'As it is now.' },
  handle(context) {
    const { needRestart, refused, values, ...rest } = context.configuration()
    return {
      value: {
        ...rest,
        needRestart: [...needRestart],
        ...(refused !== undefined && { refused: { ...refused, why: [...refused.why] } }),
        values: values.map(({ key, value, from }) => ({ key, value, from })),
      },
    }
  },
})
