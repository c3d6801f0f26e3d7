/** Readers of live events: who comes, who comes back, who is slow, and who has gone. */
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { LiveEvents } from '../../../src/admin/events/live-events.ts'
import type { LiveEvent } from '../../../src/admin/events/frame.ts'

beforeEach(() => void vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout', 'performance'] }))
afterEach(() => void vi.useRealTimers())

const event = (n: number): LiveEvent => ({ name: 'one', data: `{"n":${n}}` })

interface Frame {
  readonly id: string
  readonly name: string
  readonly n: unknown
  readonly lost: unknown
}

const framesOf = (text: string): Frame[] =>
  [...text.matchAll(/^id: (.*)\nevent: (.*)\ndata: (.*)$/gm)].map(
    ([, id = '', name = '', data = '']) => {
      const { n, lost } = JSON.parse(data) as { readonly n?: unknown; readonly lost?: unknown }
      return { id, name, n, lost }
    },
  )

/** A product in which events happen, and who reads them. */
class World {
  watching = 0
  watchingOften = 0
  #told: ((event: LiveEvent) => void) | undefined
  readonly events = new LiveEvents({
    mostOctets: 2000,
    about: () => ({ instance: 'mx.test' }),
    watch: (told) => {
      this.watching++
      this.#told = told
      return () => {
        this.watching--
        this.#told = undefined
      }
    },
    isSeldom: (name) => name !== 'mail',
    watchOften: () => {
      this.watchingOften++
      return () => {
        this.watchingOften--
      }
    },
  })

  happen(...numbers: readonly number[]): void {
    for (const n of numbers) this.#told?.(event(n))
  }

  reader(lastEventId?: string, kinds?: readonly string[]): Reader {
    return new Reader(this.events, lastEventId, kinds && new Set(kinds))
  }
}

class Reader {
  readonly #leaving = new AbortController()
  readonly #stream: AsyncGenerator<string>
  text = ''
  ended = false

  constructor(events: LiveEvents, lastEventId: string | undefined, kinds?: ReadonlySet<string>) {
    this.#stream = events.read(lastEventId, kinds, this.#leaving.signal)
  }

  /** Reads whatever comes within this time. */
  async read(ms = 1000): Promise<readonly Frame[]> {
    const before = this.text.length
    this.#pending ??= this.#pull()
    await vi.advanceTimersByTimeAsync(ms)
    return framesOf(this.text.slice(before))
  }

  #pending: Promise<void> | undefined
  async #pull(): Promise<void> {
    for await (const piece of this.#stream) this.text += piece
    this.ended = true
  }

  async leave(): Promise<void> {
    this.#leaving.abort()
    await vi.advanceTimersByTimeAsync(0)
  }

  get lastId(): string {
    return framesOf(this.text).at(-1)?.id ?? ''
  }
}

const numbers = (frames: readonly Frame[]): unknown[] =>
  frames.filter(({ name }) => name === 'one').map(({ n }) => n)

describe('a reader', () => {
  it('is told first which front-end it reads, and then what happens from now on', async () => {
    const world = new World()
    const reader = world.reader()
    expect((await reader.read()).map(({ name }) => name)).toEqual(['hello'])
    world.happen(1, 2)
    expect(numbers(await reader.read())).toEqual([1, 2])
  })

  it('that comes back with its last id misses nothing', async () => {
    const world = new World()
    const reader = world.reader()
    await reader.read()
    world.happen(1, 2)
    await reader.read()
    await reader.leave()
    world.happen(3, 4)
    const again = await world.reader(reader.lastId).read()
    expect(again.map(({ name }) => name)).toEqual(['hello', 'one', 'one'])
    expect(numbers(again)).toEqual([3, 4])
  })

  it('that comes back after nothing but a greeting misses nothing either', async () => {
    const world = new World()
    const reader = world.reader()
    await reader.read()
    await reader.leave()
    world.happen(1)
    expect(numbers(await world.reader(reader.lastId).read())).toEqual([1])
  })

  it('that comes back too late is told of the gap, and goes on behind it', async () => {
    const world = new World()
    const reader = world.reader()
    await reader.read()
    await reader.leave()
    world.happen(...Array.from({ length: 1000 }, (_, i) => i))
    const again = await world.reader(reader.lastId).read()
    const gap = again.find(({ name }) => name === 'gap')
    expect(Number(gap?.lost) + numbers(again).length).toBe(1000)
    expect(numbers(again).at(-1)).toBe(999)
  })

  it('that comes back when nobody has watched for a while is told of a gap', async () => {
    const world = new World()
    const reader = world.reader()
    await reader.read()
    await reader.leave()
    expect(world.watching).toBe(1)
    await vi.advanceTimersByTimeAsync(61_000)
    expect(world.watching).toBe(0)
    world.happen(1)
    const again = await world.reader(reader.lastId).read()
    expect(again.map(({ name }) => name)).toEqual(['hello', 'gap'])
    // Whoever comes anew has missed nothing.
    expect((await world.reader().read()).map(({ name }) => name)).toEqual(['hello'])
  })

  it.each(['another-12', 'x', '', '\u0000', 'a'.repeat(10_000)])(
    'with an id of another run of serve, or of nobody, begins anew and knows it: %j',
    async (id) => {
      const world = new World()
      const reader = world.reader(id)
      expect((await reader.read()).map(({ name }) => name)).toEqual(['hello', 'reset'])
      world.happen(1)
      expect(numbers(await reader.read())).toEqual([1])
    },
  )

  it('with an id that is not told yet begins anew: nobody can skip what will happen', async () => {
    const world = new World()
    const reader = world.reader()
    await reader.read()
    const epoch = reader.lastId.split('-')[0] ?? ''
    const ahead = await world.reader(`${epoch}-999999999999999`).read()
    expect(ahead.map(({ name }) => name)).toEqual(['hello', 'reset'])
  })

  it('that reads slowly loses events, and nobody else does', async () => {
    const world = new World()
    const [slow, quick] = [world.reader(), world.reader()]
    await slow.read(0)
    await quick.read(0)
    const heard: unknown[] = []
    for (let n = 0; n < 100; n++) {
      world.happen(n)
      heard.push(...numbers(await quick.read(400)))
    }
    expect(heard).toEqual(Array.from({ length: 100 }, (_, i) => i))
    expect(world.events.keptOctets).toBeLessThanOrEqual(2000)
  })

  it('hears only the names that it wants, and a sign of life when there are none of them', async () => {
    const world = new World()
    const reader = world.reader(undefined, ['other'])
    await reader.read()
    for (let i = 0; i < 100; i++) {
      world.happen(i)
      await vi.advanceTimersByTimeAsync(200)
    }
    expect(framesOf(reader.text).map(({ name }) => name)).toEqual(['hello'])
    expect(reader.text.match(/^:$/gm)).toHaveLength(1)
  })

  it('hears a sign of life when nothing happens', async () => {
    const world = new World()
    const reader = world.reader()
    await reader.read(31_000)
    expect(reader.text.match(/^:$/gm)).toHaveLength(2)
  })

  it('has to come back after ten minutes', async () => {
    const world = new World()
    const reader = world.reader()
    await reader.read(10 * 60_000 + 20_000)
    expect(reader.ended).toBe(true)
    expect(world.events.readers).toBe(0)
  })

  it('comes to its end when everything is closed', async () => {
    const world = new World()
    const reader = world.reader()
    await reader.read()
    world.events.close()
    await reader.read(0)
    expect(reader.ended).toBe(true)
    expect(world.watching).toBe(0)
  })
})

describe('what comes as often as mail does', () => {
  it('is told only while somebody reads it, and a while longer', async () => {
    const world = new World()
    const page = world.reader(undefined, ['hello', 'totals', 'one'])
    await page.read()
    expect([world.watching, world.watchingOften]).toEqual([1, 0])
    const all = world.reader()
    const mail = world.reader(undefined, ['mail'])
    await all.read()
    await mail.read()
    expect([world.watching, world.watchingOften]).toEqual([1, 1])
    await all.leave()
    await vi.advanceTimersByTimeAsync(61_000)
    expect(world.watchingOften, 'one of two still reads it').toBe(1)
    await mail.leave()
    await vi.advanceTimersByTimeAsync(1000)
    expect(world.watchingOften).toBe(1)
    await vi.advanceTimersByTimeAsync(60_000)
    expect([world.watching, world.watchingOften]).toEqual([1, 0])
    // They have missed something by then; who reads on has missed nothing but is told, too.
    const again = await world.reader(all.lastId).read()
    expect(again.map(({ name }) => name)).toEqual(['hello', 'gap'])
    world.happen(1)
    expect(numbers(await page.read())).toEqual([1])
  })

  it('is watched no more when everything is closed', async () => {
    const world = new World()
    await world.reader().read()
    world.events.close()
    expect([world.watching, world.watchingOften]).toEqual([0, 0])
  })
})

describe('nobody', () => {
  it('costs nothing: nothing is watched before the first reader, nor kept', () => {
    const world = new World()
    expect(world.watching).toBe(0)
    world.events.tell(event(1))
    expect(world.events.keptOctets).toBe(0)
  })
})
