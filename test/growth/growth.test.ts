/** Hostile text of growing length for everything that reads what strangers write (decision 19). */
import { join } from 'node:path'
import { Worker } from 'node:worker_threads'
import { expect, test } from 'vitest'

type Message =
  | { readonly kind: 'reading'; readonly what: string }
  | {
      readonly kind: 'grows'
      readonly what: string
      readonly length: number
      readonly cost: number
      readonly last: number
    }
  | { readonly kind: 'done' }

/**
 * For one text. What is linear takes milliseconds; what tries all ways of reading it would take
 * years.
 */
const hungMs = 120_000

test(
  'what a reader costs grows with the length of the text, whatever is in it',
  { timeout: 900_000 },
  async () => {
    const thread = new Worker(join(import.meta.dirname, 'measure.ts'))
    const { promise, resolve, reject } = Promise.withResolvers<readonly string[]>()
    const grows: string[] = []
    let reading = 'nothing yet'
    const hung = (): void => reject(new Error(`it does not come back: ${reading}`))
    let timer = setTimeout(hung, hungMs)
    thread.on('error', reject)
    thread.on('message', (message: Message) => {
      if (message.kind === 'done') resolve(grows)
      else if (message.kind === 'grows') {
        const { what, length, cost, last } = message
        grows.push(
          `${what}: ${Math.round(cost)} ms for ${length} octets, ${Math.round(last)} ms for an eighth of them`,
        )
      } else {
        reading = message.what
        clearTimeout(timer)
        timer = setTimeout(hung, hungMs)
      }
    })
    try {
      expect(await promise).toEqual([])
    } finally {
      clearTimeout(timer)
      await thread.terminate()
    }
  },
)
