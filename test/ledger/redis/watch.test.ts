/** How often a watcher asks the server; what it may answer is in test/interop/redis/quiet-senders. */
import { afterEach, expect, test, vi } from 'vitest'
import { Heard } from '../../../src/ledger/redis/heard.ts'
import { SenderWatch } from '../../../src/ledger/redis/watch.ts'
import { beginWatchScript, watchScript } from '../../../src/ledger/redis/watch-scripts.ts'
import type { Script } from '../../../src/redis/connection.ts'

afterEach(() => {
  vi.useRealTimers()
})

/** Questions in a second in which something is heard of in each millisecond. */
async function questionsOf(watchers: number): Promise<number> {
  vi.useFakeTimers({
    toFake: ['performance', 'Date', 'setTimeout', 'setInterval', 'clearTimeout', 'clearInterval'],
  })
  let questions = 0
  const answer = async (script: Script): Promise<unknown> => {
    if (script === watchScript) questions += 1
    return await Promise.resolve(script === beginWatchScript ? 0 : [0, watchers])
  }
  const connection = { script: answer, command: async () => await Promise.resolve(['0', []]) }
  const watch = new SenderWatch({ connection, base: 'x', keptMs: 1, leaseMs: 500, shards: 1 })
  await watch.begin()
  await vi.advanceTimersByTimeAsync(500)
  questions = 0
  for (let ms = 0; ms < 1000; ms += 1) {
    watch.wake()
    await vi.advanceTimersByTimeAsync(1)
  }
  watch.stop()
  return questions
}

test('few watchers are woken a hundred times a second, many together a thousand times', async () => {
  const unwoken = 10
  expect(await questionsOf(1)).toBeGreaterThan(80)
  expect(await questionsOf(1)).toBeLessThanOrEqual(100 + unwoken)
  expect(await questionsOf(50)).toBeLessThanOrEqual(1000 / 50 + unwoken)
  expect(await questionsOf(100)).toBeLessThanOrEqual(1000 / 100 + unwoken)
})

test('however many they are, each asks four times in a lease', async () => {
  expect(await questionsOf(100_000)).toBeGreaterThanOrEqual(8)
})

test('who waits for many others is woken no more often than they are', async () => {
  let questions = 0
  const heard = new Heard({
    leaseMs: 500,
    soonestMs: () => 50,
    behind: async () => {
      questions += 1
      return await Promise.resolve([{ id: 'other', turn: '1', knows: 0 }])
    },
    drop: async () => await Promise.resolve(),
  })
  const waking = setInterval(() => heard.wake(), 1)
  await heard.wait(1)
  clearInterval(waking)
  expect(questions).toBeLessThanOrEqual(500 / 50 + 2)
})
