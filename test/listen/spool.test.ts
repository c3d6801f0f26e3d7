/**
 * A text between its client and its deliveries: nothing lost, nothing doubled, bounded memory,
 * nothing left behind.
 */
import { createHash, randomBytes } from 'node:crypto'
import { spawnSync } from 'node:child_process'
import { mkdtemp, readdir, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import fc from 'fast-check'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { Spool } from '../../src/listen/spool.ts'
import type { SpoolBudget } from '../../src/listen/spool-budget.ts'
import { until } from '../support/lab/until.ts'

let directory: string
beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'rcptwise-spool-'))
})
afterEach(async () => {
  await rm(directory, { recursive: true, force: true })
})

const endless: Pick<SpoolBudget, 'crowded' | 'fitsMemory' | 'countMemory' | 'giveBackDisk'> = {
  crowded: false,
  fitsMemory: () => true,
  countMemory: () => undefined,
  giveBackDisk: () => undefined,
}

const sha256 = (chunks: readonly Buffer[]): string => {
  const hash = createHash('sha256')
  for (const chunk of chunks) hash.update(chunk)
  return hash.digest('hex')
}

async function read(spool: Spool): Promise<Buffer> {
  const chunks: Buffer[] = []
  for await (const chunk of spool.chunks()) chunks.push(Buffer.from(chunk))
  return Buffer.concat(chunks)
}

/** As a connection does it: waits when told to. */
async function append(spool: Spool, chunk: Buffer): Promise<void> {
  const drained = new Promise<void>((resolve) => {
    spool.onDrain = resolve
  })
  if (!spool.append(chunk)) await drained
}

/** Nothing waits for the disk any more. */
const settled = async (): Promise<void> => {
  for (let turn = 0; turn < 20; turn++) await new Promise((resolve) => setTimeout(resolve, 1))
}

describe('in memory', () => {
  test('a small text is at hand at once, and as often as wanted', async () => {
    const spool = new Spool({ memoryBytes: 1000, directory })
    expect(spool.append(Buffer.from('one '))).toBe(true)
    expect(spool.append(Buffer.from('two'))).toBe(true)
    expect(spool.whole()).toBeUndefined()
    expect(spool.completeNow()).toBe(true)
    expect(Buffer.concat([...(spool.whole() ?? [])]).toString()).toBe('one two')
    expect((await read(spool)).toString()).toBe('one two')
    expect((await read(spool)).toString()).toBe('one two')
    spool.close()
  })

  test('an empty text is complete', async () => {
    const spool = new Spool({ memoryBytes: 1000, directory })
    expect(spool.completeNow()).toBe(true)
    expect(spool.whole()).toEqual([])
    expect(await read(spool)).toHaveLength(0)
    spool.close()
  })

  test('a reader waits for what has not come yet', async () => {
    const spool = new Spool({ memoryBytes: 1000, directory })
    const reading = read(spool)
    spool.append(Buffer.from('one '))
    await settled()
    spool.append(Buffer.from('two'))
    spool.completeNow()
    expect((await reading).toString()).toBe('one two')
    spool.close()
  })

  test('octets trickling in are no way to take much more memory than configured', async () => {
    const spool = new Spool({ memoryBytes: 64 * 1024, directory })
    for (let i = 0; i < 10_000; i++) await append(spool, Buffer.from('x'))
    await spool.complete()
    expect(spool.whole()).toBeUndefined()
    expect((await read(spool)).equals(Buffer.alloc(10_000, 'x'))).toBe(true)
    spool.close()
  })
})

describe('in a file', () => {
  test('known-limits.md: “Spool files have no name in the file system.”', async () => {
    const spool = new Spool({ memoryBytes: 10, directory })
    await append(spool, Buffer.alloc(1000, 'a'))
    await spool.complete()
    expect(await readdir(directory)).toEqual([])
    expect((await read(spool)).equals(Buffer.alloc(1000, 'a'))).toBe(true)
    spool.close()
  })

  test('what comes after a pause, when everything before is on the disk, follows in the file', async () => {
    const spool = new Spool({ memoryBytes: 100, directory })
    const sent: Buffer[] = []
    for (let i = 0; i < 30; i++) {
      const chunk = Buffer.alloc(60, String.fromCharCode(65 + i))
      sent.push(chunk)
      await append(spool, chunk)
      await settled()
    }
    await spool.complete()
    expect(spool.failed).toBe(false)
    expect((await read(spool)).toString()).toBe(Buffer.concat(sent).toString())
    spool.close()
  })

  test('two readers at once each get all of it, also while it is still coming', async () => {
    const spool = new Spool({ memoryBytes: 100, directory })
    const first = read(spool)
    const sent: Buffer[] = []
    for (let i = 0; i < 20; i++) {
      const chunk = randomBytes(50)
      sent.push(chunk)
      await append(spool, chunk)
      if (i % 5 === 0) await settled()
    }
    const second = read(spool)
    await spool.complete()
    expect((await first).equals(Buffer.concat(sent))).toBe(true)
    expect((await second).equals(Buffer.concat(sent))).toBe(true)
    spool.close()
  })

  test('while somebody else reads it, nothing is taken away from them', async () => {
    const spool = new Spool({ memoryBytes: 1_000_000, directory })
    const sent = [randomBytes(1000), randomBytes(2000)]
    const reading = read(spool) // a judge, say
    await append(spool, sent[0] ?? Buffer.alloc(0))
    spool.stream()
    const taking = read(spool)
    await append(spool, sent[1] ?? Buffer.alloc(0))
    await spool.complete()
    expect(sha256([await reading])).toBe(sha256(sent))
    expect(sha256([await taking])).toBe(sha256(sent))
    spool.close()
  })

  test('any chunks, any limit, any pauses: what comes out is what went in', async () => {
    const step = fc.record({ bytes: fc.integer({ min: 0, max: 3000 }), pause: fc.boolean() })
    await fc.assert(
      fc.asyncProperty(
        fc.array(step, { maxLength: 25 }),
        fc.integer({ min: 0, max: 8000 }),
        fc.nat({ max: 25 }),
        async (steps, memoryBytes, streamFrom) => {
          const spool = new Spool({ memoryBytes, directory })
          const sent: Buffer[] = []
          let reading: Promise<Buffer> | undefined
          for (const [i, { bytes, pause }] of steps.entries()) {
            if (i === streamFrom) {
              spool.stream()
              reading = read(spool)
            }
            const chunk = randomBytes(bytes)
            sent.push(chunk)
            await append(spool, chunk)
            if (pause) await new Promise((resolve) => setTimeout(resolve, 1))
          }
          await spool.complete()
          const got = await (reading ?? read(spool))
          spool.close()
          expect(sha256([got])).toBe(sha256(sent))
        },
      ),
      { numRuns: 60 },
    )
  })

  test('50 MiB are the same octets', { timeout: 60_000 }, async () => {
    const spool = new Spool({ memoryBytes: 1024 * 1024, directory })
    const hash = createHash('sha256')
    for (let i = 0; i < 800; i++) {
      const chunk = randomBytes(64 * 1024)
      hash.update(chunk)
      await append(spool, chunk)
    }
    await spool.complete()
    const got = createHash('sha256')
    for await (const chunk of spool.chunks()) got.update(chunk)
    expect(got.digest('hex')).toBe(hash.digest('hex'))
    spool.close()
  })

  test('a directory that is not there fails the text, and nobody waits for ever', async () => {
    const spool = new Spool({ memoryBytes: 10, directory: join(directory, 'nowhere') })
    const reading = read(spool)
    await Promise.all([
      expect(reading).rejects.toThrow('not complete'),
      append(spool, Buffer.alloc(1_000_000)),
    ])
    expect(spool.append(Buffer.alloc(1_000_000))).toBe(true)
    await spool.complete()
    expect(spool.failed).toBe(true)
    expect(spool.why).toContain('ENOENT')
    spool.close()
  })

  test.runIf(canMount())('a full disk fails the text', () => {
    const script = join(import.meta.dirname, 'children', 'full-disk.ts')
    const mountAndRun = 'mount -t tmpfs -o size=1m rcptwise-test "$0" && exec "$@"'
    const { stdout, status } = spawnSync(
      'unshare',
      ['-m', 'sh', '-c', mountAndRun, directory, process.execPath, script, directory],
      { encoding: 'utf8', stdio: ['ignore', 'pipe', 'inherit'], timeout: 15_000 },
    )
    expect(status).toBe(0)
    expect(JSON.parse(stdout)).toEqual({
      failed: true,
      why: expect.stringContaining('ENOSPC') as string,
      read: -1,
      left: [],
    })
  })
})

describe('streamed', () => {
  test('a reader that does not read stops the writer, at a bounded number of octets', async () => {
    const spool = new Spool({ memoryBytes: 1024 * 1024, directory })
    spool.stream()
    let taken = 0
    while (spool.append(Buffer.alloc(64 * 1024))) taken += 64 * 1024
    expect(taken).toBeLessThan(1024 * 1024)
    let drained = false
    spool.onDrain = () => {
      drained = true
    }
    const reader = spool.chunks()
    while (!drained) await reader.next()
    expect(spool.append(Buffer.alloc(1))).toBe(true)
    expect(await readdir(directory)).toEqual([])
    spool.close()
  })

  const passOn = async (spool: Spool, sent: readonly Buffer[]): Promise<Buffer> => {
    spool.stream()
    const reading = read(spool)
    for (const chunk of sent) {
      await append(spool, chunk)
      await new Promise((resolve) => setImmediate(resolve))
    }
    spool.completeNow()
    return await reading
  }
  const sent = Array.from({ length: 50 }, (_, i) => Buffer.alloc(10_000, i))

  test('what was passed on is kept while there is room', async () => {
    const spool = new Spool({ memoryBytes: 1024 * 1024, directory })
    expect(sha256([await passOn(spool, sent)])).toBe(sha256(sent))
    expect(sha256(spool.whole() ?? [])).toBe(sha256(sent))
    spool.close()
  })

  test('a text of the limit, with what its chunks cost, is kept', async () => {
    const spool = new Spool({ memoryBytes: 500_000, directory })
    expect(sha256([await passOn(spool, sent)])).toBe(sha256(sent))
    expect(sha256(spool.whole() ?? [])).toBe(sha256(sent))
    spool.close()
  })

  test.each([
    ['of one text', 100_000, true],
    ['of all texts together', 1024 * 1024, false],
  ])(
    'over the limit %s what was passed on is let go, in order',
    async (_, memoryBytes, hasRoomToSpare) => {
      const gone: Buffer[] = []
      const budget = { ...endless, hasRoomToSpare } as unknown as SpoolBudget
      const spool = new Spool({ memoryBytes, directory, budget }, undefined, (chunk) =>
        gone.push(chunk),
      )
      expect(sha256([await passOn(spool, sent)])).toBe(sha256(sent))
      expect(spool.whole()).toBeUndefined()
      const rest = spool.rest() ?? []
      expect(gone.length).toBeGreaterThan(35)
      expect(rest.length).toBeGreaterThan(0)
      expect(sha256([...gone, ...rest])).toBe(sha256(sent))
      spool.close()
    },
  )
})

describe('ended', () => {
  test.each(['open', 'complete'])(
    'while it is read (%s): the reader is told, and never takes the part for the whole',
    async (at) => {
      const spool = new Spool({ memoryBytes: 1000, directory })
      for (let i = 0; i < 10; i++) spool.append(Buffer.alloc(10, i))
      if (at === 'complete') spool.completeNow()
      const reader = spool.chunks()
      await reader.next()
      spool.close()
      await expect(
        (async () => {
          for await (const chunk of reader) expect(chunk.length).toBeGreaterThan(0)
        })(),
      ).rejects.toThrow('not complete')
    },
  )

  test('while a reader waits: it is told', async () => {
    const spool = new Spool({ memoryBytes: 1000, directory })
    const reading = expect(read(spool)).rejects.toThrow('not complete')
    await settled()
    spool.close()
    await reading
  })

  test.each([
    ['closed', (spool: Spool) => spool.close()],
    ['failed', (spool: Spool) => spool.fail()],
  ])('%s while its file is asked, before anything is in it: the reader is told', async (_, end) => {
    const spool = new Spool({ memoryBytes: 10, directory })
    spool.append(Buffer.alloc(5000))
    const first = spool.chunks().next()
    end(spool)
    await expect(first).rejects.toThrow('not complete')
    spool.close()
  })

  test('in every state of its file: no descriptor stays open', async () => {
    const before = (await readdir('/proc/self/fd')).length
    for (let turns = 0; turns < 30; turns++) {
      const spool = new Spool({ memoryBytes: 10, directory })
      spool.append(Buffer.alloc(5000))
      for (let turn = 0; turn < turns % 10; turn++)
        await new Promise((resolve) => setImmediate(resolve))
      if (turns > 15) spool.append(Buffer.alloc(5000))
      spool.close()
    }
    // Others in this process open and close files too; 30 leaked ones would stand out.
    await until(
      'the files are closed',
      async () => (await readdir('/proc/self/fd')).length < before + 15,
    )
    expect(await readdir(directory)).toEqual([])
  })

  test('what comes afterwards is forgotten', () => {
    const spool = new Spool({ memoryBytes: 10, directory })
    spool.close()
    expect(spool.append(Buffer.alloc(1_000_000))).toBe(true)
  })
})

function canMount(): boolean {
  return process.getuid?.() === 0 && spawnSync('unshare', ['-m', 'true']).status === 0
}
