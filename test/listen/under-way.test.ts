/** Who is waited for when a message comes again that somebody is still at delivering. */
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { isGone, thisProcess } from '../../src/listen/deliverer.ts'
import { untilSettled } from '../../src/listen/under-way.ts'
import type { Deliverer, Split } from '../../src/split/split.ts'
import { intendDelivery, settleDelivery, startSplit } from '../../src/split/split-course.ts'

const [a, b] = ['a@example.org', 'b@example.org'] as const
const empty = startSplit({
  id: 'x',
  at: 1,
  transaction: 'x.1',
  reversePath: 's@x.test',
  peer: 'default',
  strategy: 'late',
})
const until = 1000
const delivering = (by: Partial<Deliverer> = {}, ...addresses: readonly string[]): Split =>
  intendDelivery(empty, addresses.length === 0 ? [a] : addresses, {
    process: thisProcess,
    until,
    ...by,
  })
const done = settleDelivery(delivering(), [a], new Set([a]))

/** The ledger says one after the other, the last one for ever. */
async function ask(says: readonly (Split | undefined)[], now = 1): Promise<unknown> {
  let asked = 0
  const find = async (): Promise<Split | undefined> =>
    await Promise.resolve(says[Math.min(asked++, says.length - 1)])
  const options = {
    ledger: { find },
    now: () => now,
    limitMs: 200,
    answerMs: 1000,
    isOver: () => false,
  }
  return await untilSettled({ split: 'x', recipients: [a] }, options)
}

describe('a return', () => {
  test('waits for what this process is at', async () =>
    expect(await ask([delivering(), delivering(), done])).toEqual({ settled: true, split: done }))
  test('waits for another machine', async () => {
    const elsewhere = { process: 'another-boot/pid:[1] 7 100' }
    expect(await ask([delivering(elsewhere), done])).toEqual({ settled: true, split: done })
  })
  test('does not wait for ever', async () =>
    expect(await ask([delivering()])).toMatchObject({ settled: false }))
  test('does not wait for whoever should be done by now', async () =>
    expect(await ask([delivering()], until)).toMatchObject({ settled: true }))
  const day = 86_400_000
  const other = 'another-boot/pid:[1] 7 100'
  test('does not wait until tomorrow for another machine, since the clock was set back by a day', async () =>
    expect(await ask([delivering({ process: other, until: day })])).toMatchObject({
      settled: true,
    }))
  test('waits for another machine whose clock is ahead by as long as a delivery takes', async () =>
    expect(await ask([delivering({ process: other, until: 2000 }), done])).toEqual({
      settled: true,
      split: done,
    }))
  test('waits for a process that lives here, wherever the clock was set', async () =>
    expect(await ask([delivering({ until: day }), done])).toEqual({ settled: true, split: done }))
  test('does not wait for the deliveries to others', async () =>
    expect(await ask([delivering({}, b)])).toMatchObject({ settled: true }))
  test('asks no ledger that may be closed, once nobody waits any more', async () => {
    let [asked, over] = [0, false]
    const find = async (): Promise<Split> => {
      if (asked++ > 0) throw new Error('database is not open')
      setTimeout(() => (over = true))
      return await Promise.resolve(delivering())
    }
    const options = { ledger: { find }, now: () => 1, limitMs: 200, answerMs: 1000 }
    const asking = { split: 'x', recipients: [a] }
    expect(await untilSettled(asking, { ...options, isOver: () => over })).toMatchObject({
      settled: false,
    })
    expect(asked).toBe(1)
  })
  test('does not wait for a split that was dropped', async () =>
    expect(await ask([undefined])).toEqual({ settled: true }))
})

describe('a process', () => {
  const child = `
    import { thisProcess } from ${JSON.stringify(join(import.meta.dirname, '../../src/listen/deliverer.ts'))}
    process.stdout.write(thisProcess)
    process.stdin.resume()`

  test('lives until it ends, and is another one when its number is used again', async () => {
    const other = spawn(process.execPath, ['--input-type=module', '--eval', child])
    const [said] = (await once(other.stdout, 'data')) as [Buffer]
    const name = said.toString()
    expect(isGone(name)).toBe(false)
    const [machine, pid, startedAt] = name.split(' ')
    expect(pid).toBe(String(other.pid))
    expect(
      isGone(`${machine} ${pid} ${Number(startedAt) - 1}`),
      'an earlier process of the same number',
    ).toBe(true)
    other.kill('SIGKILL')
    await once(other, 'close')
    expect(isGone(name)).toBe(true)
  })

  test.each(['another-boot/pid:[1] 999999999 1', 'e7cb6a4e-5a9a-4a6e-9d3d-3b5c1d1f8a57', ''])(
    'of which nothing is known here may live: %j',
    (name) => expect(isGone(name)).toBe(false),
  )
})
