import { expect, test } from 'vitest'
import { atEndOfTurn } from '../../src/loop/end-of-turn.ts'

const nextTurn = async (): Promise<void> => await new Promise((resolve) => setTimeout(resolve, 0))

test('nothing at once, nor in a microtask; all in their order before the loop waits', async () => {
  const done: string[] = []
  atEndOfTurn(() => done.push('one'))
  queueMicrotask(() => {
    expect(done).toEqual([])
    atEndOfTurn(() => done.push('two'))
  })
  await Promise.resolve()
  expect(done).toEqual([])
  await new Promise((resolve) => setImmediate(resolve))
  expect(done).toEqual(['one', 'two'])
})

test('what asks again meanwhile has its turn as well', async () => {
  const done: number[] = []
  const act = (): void => {
    if (done.push(done.length) < 3) atEndOfTurn(act)
  }
  atEndOfTurn(act)
  for (let turn = 0; turn < 10 && done.length < 3; turn++) await nextTurn()
  expect(done).toEqual([0, 1, 2])
})
