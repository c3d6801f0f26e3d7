/**
 * What all texts together may take: counted to the octet, given back whatever becomes of a text,
 * and never more than allowed.
 */
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import fc from 'fast-check'
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest'
import { SpoolBudget } from '../../src/listen/spool-budget.ts'
import { Spool } from '../../src/listen/spool.ts'
import { until } from '../support/lab/until.ts'

let directory: string
beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'rcptwise-budget-'))
})
afterEach(async () => {
  await rm(directory, { recursive: true, force: true })
})

interface Made {
  readonly budget: SpoolBudget
  readonly reached: string[]
  readonly spool: () => Spool
}

function make(totalMemoryBytes: number, totalDiskBytes: number, memoryBytes = 10_000): Made {
  const reached: string[] = []
  const budget = new SpoolBudget({
    totalMemoryBytes,
    totalDiskBytes,
    memoryBytes,
    directory,
    onLimit: (limit) => reached.push(limit),
    now: () => 0,
  })
  return { budget, reached, spool: () => new Spool({ memoryBytes, directory, budget }) }
}

async function read(spool: Spool): Promise<string> {
  const chunks: Buffer[] = []
  for await (const chunk of spool.chunks()) chunks.push(chunk)
  return Buffer.concat(chunks).toString('latin1')
}

describe('memory', () => {
  test('a text that finds no room goes to a file, and is whole', async () => {
    const { budget, reached, spool } = make(5000, 1_000_000)
    const [first, second] = [spool(), spool()]
    first.append(Buffer.alloc(4000, 'a'))
    second.append(Buffer.from('b'.repeat(4000)))
    expect(reached).toEqual(['total_memory'])
    expect(budget.diskBytes).toBe(4000)
    await second.complete()
    expect(await read(second)).toBe('b'.repeat(4000))
    first.close()
    second.close()
    expect([budget.memoryBytes, budget.diskBytes]).toEqual([0, 0])
  })

  test('while it is crowded, a text that goes to its file waits for the disk after each chunk', async () => {
    const { budget, spool } = make(100, 1_000_000)
    const crowded = spool()
    let drained = false
    crowded.onDrain = () => {
      drained = true
    }
    expect(crowded.append(Buffer.alloc(200))).toBe(false)
    expect(budget.crowded).toBe(true)
    await until('it is written', () => drained)
    expect(budget.memoryBytes).toBe(0)
    crowded.close()
  })
})

describe('disk', () => {
  test('beyond it the text has failed, and what it had is given back at once', async () => {
    const { budget, reached, spool } = make(1_000_000, 5000, 1000)
    const text = spool()
    text.append(Buffer.alloc(4000))
    text.append(Buffer.alloc(4000))
    expect(text.failed).toBe(true)
    expect(text.why).toMatch(/spool\.total_disk/)
    expect(reached).toEqual(['total_disk'])
    expect(text.append(Buffer.alloc(4000))).toBe(true) // read and forgotten
    await text.complete()
    await expect(read(text)).rejects.toThrow('not complete')
    await until('the file is let go of', () => budget.diskBytes === 0)
    text.close()
    expect([budget.memoryBytes, budget.diskBytes, reached.length]).toEqual([0, 0, 1])
  })

  test.each<[string, readonly [memory: number, disk: number], number, boolean]>([
    ['a small text, with room in memory', [5000, 0], 900, true],
    ['a text without a size', [5000, 0], 0, true],
    ['a large text, with room in files', [5000, 10_000], 9000, true],
    ['a large text, without', [5000, 10_000], 11_000, false],
    ['a small text, with room nowhere', [0, 0], 900, false],
    ['a text without a size, with room nowhere', [0, 0], 0, false],
  ])('fits: %s', (_, [memory, disk], octets, fits) => {
    expect(make(memory, disk, 1000).budget.fits(octets)).toBe(fits)
  })

  test('fits: more than the file system has is put off, once that is known', async () => {
    const { budget } = make(1000, 1e18, 1000)
    await until('the file system was looked at', () => !budget.fits(1e17))
    expect(budget.fits(100_000)).toBe(true)
  })
})

test('whatever comes, nothing is left in the count when all texts are closed', async () => {
  const steps = fc.array(
    fc.record({
      text: fc.nat({ max: 3 }),
      octets: fc.nat({ max: 3000 }),
      what: fc.constantFrom('append', 'append', 'close', 'complete', 'stream'),
    }),
    { maxLength: 40 },
  )
  await fc.assert(
    fc.asyncProperty(steps, async (taken) => {
      const { budget, spool } = make(6000, 12_000, 3000)
      const texts = [spool(), spool(), spool(), spool()]
      for (const { text, octets, what } of taken) {
        const one = texts[text]
        if (what === 'append') one?.append(Buffer.alloc(octets))
        else if (what === 'close') one?.close()
        else if (what === 'stream') one?.stream()
        else await one?.complete()
        expect(budget.diskBytes).toBeLessThanOrEqual(12_000)
      }
      for (const text of texts) text.close()
      await until('everything is let go of', () => budget.diskBytes === 0)
      expect(budget.memoryBytes).toBe(0)
    }),
    { numRuns: 60 },
  )
})

describe('shared with other processes', () => {
  beforeEach(() => void vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] }))
  afterEach(() => void vi.useRealTimers())

  const mib = 1024 * 1024
  /** What the others keep, and what they are told. */
  function withOthers(totalMemoryBytes: number, totalDiskBytes: number) {
    const others = new Map<string, number>()
    const told = new Map<string, number>()
    let words = 0
    const options = { memoryBytes: 1000, directory, onLimit: () => undefined, now: () => 0 }
    const budget = new SpoolBudget(
      { ...options, totalMemoryBytes, totalDiskBytes },
      {
        others: 1,
        elsewhere: (key) => others.get(key) ?? 0,
        change: (key, by) => {
          words++
          told.set(key, (told.get(key) ?? 0) + by)
        },
      },
    )
    return { budget, others, told, words: () => words }
  }

  test('limits.md: “Both limits hold for all workers together (above).”', () => {
    const { budget, others } = withOthers(100 * mib, 100 * mib)
    expect([budget.fitsMemory(100 * mib), budget.fits(100 * mib)]).toEqual([true, true])
    others.set('spool memory', 60 * mib)
    expect([budget.fitsMemory(40 * mib), budget.fitsMemory(40 * mib + 1)]).toEqual([true, false])
    others.set('spool memory', 100 * mib)
    expect(budget.crowded).toBe(true)
    others.set('spool disk', 60 * mib)
    expect([budget.takeDisk(40 * mib), budget.takeDisk(1), budget.fits(1001)]).toEqual([
      true,
      false,
      false,
    ])
    expect([budget.memoryBytes, budget.diskBytes]).toEqual([0, 40 * mib])
  })

  test('limits.md: “the spool can go beyond it by what came and 1 MiB for each worker.” Whole pieces are told, and in the end nothing is left', () => {
    const octets = fc.array(fc.nat({ max: 3 * mib }), { maxLength: 30 })
    const mayBeGone = (1000 * mib) / 32 / 2
    fc.assert(
      fc.property(octets, (texts) => {
        const { budget, told } = withOthers(1000 * mib, 1000 * mib)
        let kept = 0
        const look = (): void => {
          const untold = kept - (told.get('spool memory') ?? 0)
          expect(untold).toBeGreaterThanOrEqual(-mayBeGone)
          expect(untold).toBeLessThan(mib)
          expect(told.get('spool disk') ?? 0).toBe(told.get('spool memory') ?? 0)
        }
        for (const text of texts) {
          budget.countMemory(text)
          budget.takeDisk(text)
          kept += text
          look()
        }
        for (const text of texts) {
          budget.countMemory(-text)
          budget.giveBackDisk(text)
          kept -= text
          look()
        }
        vi.advanceTimersByTime(1000)
        expect([...told.values()].every((octets) => octets === 0)).toBe(true)
      }),
    )
  })

  test('limits.md: “For a second the others may think that a worker has more texts than it has, by a 32nd of the limit for all workers together.” While texts come and go, nothing is told', () => {
    const total = 256 * mib
    const mayBeGone = total / 32 / 2
    const taken = fc.array(fc.integer({ min: 0, max: mayBeGone }), { minLength: 1, maxLength: 30 })
    fc.assert(
      fc.property(taken, (levels) => {
        const { budget, told, words } = withOthers(total, total)
        let kept = 0
        let highest = 0
        for (const level of levels) {
          budget.countMemory(level - kept)
          kept = level
          highest = Math.max(highest, level)
          expect(told.get('spool memory') ?? 0).toBe(Math.floor(highest / mib) * mib)
        }
        expect(words()).toBeLessThanOrEqual(mayBeGone / mib)
        vi.advanceTimersByTime(1000)
        expect(told.get('spool memory') ?? 0).toBe(Math.floor(kept / mib) * mib)
      }),
    )
  })

  test('another configuration: what is kept counts on', () => {
    const { budget } = withOthers(10 * mib, 10 * mib)
    budget.countMemory(5 * mib)
    budget.use({
      memoryBytes: 1000,
      directory,
      onLimit: () => undefined,
      now: () => 0,
      totalMemoryBytes: 5 * mib,
      totalDiskBytes: 0,
    })
    expect([budget.crowded, budget.memoryBytes, budget.takeDisk(1)]).toEqual([true, 5 * mib, false])
  })
})
