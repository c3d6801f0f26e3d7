/** A text that is streamed without a promise a chunk: the same octets, and the same ends. */
import { randomBytes } from 'node:crypto'
import { tmpdir } from 'node:os'
import fc from 'fast-check'
import { expect, test } from 'vitest'
import { Spool } from '../../src/listen/spool.ts'
import type { Pour } from '../../src/message/text-source.ts'

const turn = async (): Promise<void> => await new Promise((resolve) => setImmediate(resolve))

const streamed = (memoryBytes = 1024 * 1024): Spool => {
  const spool = new Spool({ memoryBytes, directory: tmpdir() })
  spool.stream()
  return spool
}

/** Takes what it is given, and no more than `room` chunks before it is asked to go on. */
function taken(spool: Spool, room = Infinity) {
  const chunks: Buffer[] = []
  const ends: string[] = []
  let left = room
  const pour = spool.pour({
    take: (chunk) => {
      chunks.push(chunk)
      return --left > 0
    },
    complete: () => ends.push('complete'),
    brokenOff: () => ends.push('broken off'),
  })
  const goOn = (more: number): void => {
    left = more
    pour?.goOn()
  }
  return { chunks, ends, goOn, pour }
}

test('any chunks, any limit, any pauses on both sides: what comes out is what went in', async () => {
  const step = fc.record({
    bytes: fc.integer({ min: 0, max: 3000 }),
    turns: fc.nat({ max: 1 }),
    goOn: fc.option(fc.integer({ min: 1, max: 3 })),
  })
  await fc.assert(
    fc.asyncProperty(
      fc.array(step, { maxLength: 25 }),
      fc.integer({ min: 0, max: 8000 }),
      fc.integer({ min: 1, max: 4 }),
      async (steps, memoryBytes, room) => {
        const gone: Buffer[] = []
        const spool = new Spool({ memoryBytes, directory: tmpdir() }, undefined, (chunk) =>
          gone.push(chunk),
        )
        spool.stream()
        const taker = taken(spool, room)
        const sent: Buffer[] = []
        for (const { bytes, turns, goOn } of steps) {
          const before = taker.chunks.length
          const chunk = randomBytes(bytes)
          sent.push(chunk)
          spool.append(chunk)
          expect(taker.chunks.length).toBe(before) // never while octets are appended
          for (let i = 0; i < turns; i++) await turn()
          if (goOn !== null) taker.goOn(goOn)
        }
        spool.completeNow()
        taker.goOn(Infinity)
        await turn()
        const all = Buffer.concat(sent)
        expect(Buffer.concat(taker.chunks).equals(all)).toBe(true)
        expect(taker.ends).toEqual(['complete'])
        expect(Buffer.concat([...gone, ...(spool.rest() ?? [])]).equals(all)).toBe(true)
        spool.close()
      },
    ),
    { numRuns: 200 },
  )
})

test('a taker that takes nothing stops the writer, and going on lets it go on', async () => {
  const spool = streamed()
  const taker = taken(spool, 1)
  let drained = 0
  spool.onDrain = () => drained++
  let appended = 0
  while (spool.append(Buffer.alloc(64 * 1024))) appended++
  expect(appended).toBeLessThan(16)
  await turn()
  expect([taker.chunks.length, drained]).toEqual([1, 1])
  taker.goOn(Infinity)
  await turn()
  expect(taker.chunks.length).toBe(appended + 1)
  spool.close()
})

test.each([
  ['fails', (spool: Spool) => spool.fail()],
  ['is closed', (spool: Spool) => spool.close()],
])('a text that %s is broken off, also for a taker that is full', async (_, end) => {
  const [some, full] = [streamed(), streamed()]
  const takers = [taken(some), taken(full, 1)]
  for (const spool of [some, full]) spool.append(Buffer.from('some'))
  await turn()
  for (const spool of [some, full]) end(spool)
  await turn()
  expect(takers.map(({ ends }) => ends)).toEqual([['broken off'], []])
  takers[1]?.goOn(1)
  await turn()
  expect(takers.map(({ ends }) => ends)).toEqual([['broken off'], ['broken off']])
})

test('whoever has stopped is told nothing more, and another one can begin', async () => {
  const spool = streamed()
  const first: { pour?: Pour | undefined; told: string[] } = { told: [] }
  first.pour = spool.pour({
    take: (chunk) => {
      first.told.push(chunk.toString())
      first.pour?.stop()
      return true
    },
    complete: () => first.told.push('complete'),
    brokenOff: () => first.told.push('broken off'),
  })
  spool.append(Buffer.from('one'))
  spool.append(Buffer.from('two'))
  await turn()
  spool.completeNow()
  await turn()
  expect(first.told).toEqual(['one'])
  expect(taken(spool).pour).toBeDefined()
  spool.close()
})

test('none for a text that others read, or that is in memory or in a file', async () => {
  const kept = new Spool({ memoryBytes: 1000, directory: tmpdir() })
  expect(taken(kept).pour).toBeUndefined()
  const filed = new Spool({ memoryBytes: 1, directory: tmpdir() })
  filed.append(Buffer.alloc(100))
  filed.stream()
  expect(taken(filed).pour).toBeUndefined()
  const shared = streamed()
  const reader = shared.chunks()
  shared.append(Buffer.from('x'))
  await reader.next()
  expect(taken(shared).pour).toBeUndefined()
  for (const spool of [kept, filed, shared]) spool.close()
})

test('who would begin behind what was let go is told that it is broken off', async () => {
  const spool = streamed(0)
  const first = taken(spool)
  for (const octets of ['one', 'two', 'three']) {
    spool.append(Buffer.from(octets))
    await turn()
  }
  first.pour?.stop()
  spool.completeNow()
  expect(spool.whole()).toBeUndefined()
  const second = taken(spool)
  await turn()
  expect([second.chunks, second.ends]).toEqual([[], ['broken off']])
  await expect(spool.chunks().next()).rejects.toThrow('not complete')
  spool.close()
})

test('what another one has taken before holds its writer up no less', async () => {
  const spool = streamed()
  const first = taken(spool)
  for (let i = 0; i < 8; i++) spool.append(Buffer.alloc(20 * 1024))
  await turn()
  first.pour?.stop()
  const second = taken(spool)
  await turn()
  expect(second.chunks).toHaveLength(8)
  second.pour?.stop()
  let appended = 0
  while (spool.append(Buffer.alloc(64 * 1024))) appended++
  expect(appended).toBe(3)
  spool.close()
})
