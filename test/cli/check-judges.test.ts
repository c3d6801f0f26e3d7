import { expect, test } from 'vitest'
import { checkJudges } from '../../src/cli/check-judges.ts'
import type { Config } from '../../src/config/config.ts'
import { silentJudge } from '../../src/judge/silent.ts'

const headers = {
  kind: 'headers',
  from: ['10.0.0.7/32'],
  field: 'X-Spam-Score',
  onFailure: 'accept',
} as const
const config = { judges: [headers] } as unknown as Config

test('each judge has its line, is told by its name when it is not well, and is closed', async () => {
  let closed = 0
  const judge = {
    ...silentJudge('filter'),
    close: async () => {
      closed++
      await Promise.resolve()
    },
  }
  const away = { ...judge, check: async () => await Promise.resolve('connection refused') }
  expect(await checkJudges(config, () => away)).toEqual([
    { level: 'bad', what: 'judge', where: 'headers', text: 'headers: connection refused' },
  ])
  expect(await checkJudges(config, () => judge)).toEqual([
    {
      level: 'ok',
      what: 'judge',
      where: 'headers',
      text: 'headers: X-Spam-Score from 10.0.0.7/32',
    },
  ])
  expect(closed).toBe(2)
})

test('one that can not even be opened is told, too', async () => {
  const opened = (): never => {
    throw new Error('ENOENT: the file of its password')
  }
  expect(await checkJudges(config, opened)).toEqual([
    {
      level: 'bad',
      what: 'judge',
      where: 'headers',
      text: 'headers: ENOENT: the file of its password',
    },
  ])
})
