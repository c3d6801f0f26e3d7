import { expect, test } from 'vitest'
import { checkJudge } from '../../src/cli/check-judge.ts'
import { silentJudge } from '../../src/judge/silent.ts'

const config = undefined as unknown as Parameters<typeof checkJudge>[0]

test('a judge that is not well is told by its name, and closed; of one that is well nothing is said', async () => {
  let closed = 0
  const judge = {
    ...silentJudge('filter'),
    close: async () => {
      closed++
      await Promise.resolve()
    },
  }
  const away = { ...judge, check: async () => await Promise.resolve('connection refused') }
  expect(await checkJudge(config, () => away)).toEqual([
    { ok: false, text: 'judge: filter: connection refused' },
  ])
  expect(await checkJudge(config, () => judge)).toEqual([])
  expect(closed).toBe(2)
})
