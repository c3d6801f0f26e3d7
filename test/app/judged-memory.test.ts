/** Large messages that a judge has at one time are not in memory: 400 MiB in all, a spool of 4. */
import { expect, test } from 'vitest'
import { measureJudged, mostBeside } from '../../bench/judged-at-once.ts'

test('judges.md: “However many large messages a judge has at one time, they take no more memory than spool.total_memory and a constant.”', async () => {
  const [messages, mebibytes, spoolMemory] = [20, 20, 4]
  const { before, most, refused } = await measureJudged({ messages, mebibytes, spoolMemory })
  expect(refused).toBe(messages)
  expect(most - before).toBeLessThan(spoolMemory + mostBeside)
})
