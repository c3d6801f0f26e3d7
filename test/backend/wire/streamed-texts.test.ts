/** A text that streams: whatever client and server do, the server reads what the client sent. */
import { expect, test } from 'vitest'
import { Random } from '../../support/random.ts'
import { streamOne } from './streamed-texts.ts'

test('the server has the whole text, or none, and the answer is told once', async () => {
  const courses = new Set<string>()
  for (let seed = 1; seed <= 500; seed++) {
    const { course } = await streamOne(new Random(seed, 'streamed')).catch((error: unknown) => {
      throw new Error(`seed ${seed}`, { cause: error })
    })
    courses.add(course)
  }
  expect(courses.size).toBe(6)
})
