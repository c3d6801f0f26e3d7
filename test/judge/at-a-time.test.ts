import { describe, expect, it } from 'vitest'
import { AtATime } from '../../src/judge/at-a-time.ts'

const never = new AbortController().signal

describe('how many ask at a time', () => {
  it('never more than the most, and each gets their turn in order', async () => {
    const slots = new AtATime(2)
    let most = 0
    const order: number[] = []
    await Promise.all(
      Array.from({ length: 9 }, async (_, i) => {
        await slots.run(async () => {
          order.push(i)
          most = Math.max(most, slots.running)
          await new Promise((resolve) => setTimeout(resolve, 1))
        }, never)
      }),
    )
    expect(most).toBe(2)
    expect(order).toEqual([0, 1, 2, 3, 4, 5, 6, 7, 8])
    expect([slots.running, slots.waiting]).toEqual([0, 0])
  })

  it('who is told to stop while waiting takes no turn, and keeps nobody waiting', async () => {
    const slots = new AtATime(1)
    const first = Promise.withResolvers<undefined>()
    const running = slots.run(async () => await first.promise, never)
    const stop = new AbortController()
    const stopped = slots.run(async () => await Promise.reject(new Error('ran')), stop.signal)
    const third = slots.run(async () => await Promise.resolve('third'), never)
    stop.abort(new Error('stopped'))
    await expect(stopped).rejects.toThrow('stopped')
    first.resolve(undefined)
    await running
    expect(await third).toBe('third')
    expect([slots.running, slots.waiting]).toEqual([0, 0])
  })

  it('who was told to stop before takes none either', async () => {
    const slots = new AtATime(1)
    const ran = slots.run(async () => await Promise.resolve(1), AbortSignal.abort(new Error('no')))
    await expect(ran).rejects.toThrow('no')
    expect(slots.running).toBe(0)
  })

  it('who fails gives their turn on', async () => {
    const slots = new AtATime(1)
    const fails = async (): Promise<never> => await Promise.reject(new Error('failed'))
    await expect(slots.run(fails, never)).rejects.toThrow('failed')
    expect(await slots.run(async () => await Promise.resolve(2), never)).toBe(2)
  })
})
