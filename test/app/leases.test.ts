/**
 * Parts that outlive a configuration: whatever is asked for and let go in whatever order, there is
 * one part for equal settings while anybody holds it, and none afterwards.
 */
import fc from 'fast-check'
import { expect, test } from 'vitest'
import { type Lease, Leases } from '../../src/app/leases.ts'

interface Settings {
  readonly name: string
  readonly servers: ReadonlyMap<string, readonly number[]>
}

/** Equal to others of its name, and never the same object. */
const settingsOf = (name: string): Settings => ({ name, servers: new Map([[name, [1, 2]]]) })

/** A part that knows how many of its kind are open. */
class Part {
  readonly #open: Map<string, number>
  readonly name: string
  renewed = 0
  closed = 0

  constructor(name: string, open: Map<string, number>) {
    this.name = name
    this.#open = open
    open.set(name, (open.get(name) ?? 0) + 1)
  }

  async close(): Promise<void> {
    await Promise.resolve()
    this.closed++
    this.#open.set(this.name, (this.#open.get(this.name) ?? 0) - 1)
  }
}

/** `fails` decides of each opening, by its number from 0. */
function world(fails: (opening: number) => boolean = () => false) {
  const open = new Map<string, number>()
  const made: Part[] = []
  let openings = 0
  const leases = new Leases<Settings, Part>({
    async open({ name }) {
      const opening = openings++
      await Promise.resolve()
      if (fails(opening)) throw new Error(`no ${name}`)
      const part = new Part(name, open)
      made.push(part)
      return part
    },
    renew: (part) => {
      part.renewed++
    },
  })
  return { leases, made, openings: () => openings, open: (name: string) => open.get(name) ?? 0 }
}

test('equal settings are one part, opened once though two ask at the same time', async () => {
  const { leases, made } = world()
  const [one, other] = await Promise.all([
    leases.lease(settingsOf('a')),
    leases.lease(settingsOf('a')),
  ])
  expect(other.part).toBe(one.part)
  expect(made).toHaveLength(1)
})

test('other settings are another part', async () => {
  const { leases } = world()
  const [one, other] = await Promise.all([
    leases.lease(settingsOf('a')),
    leases.lease({ name: 'a', servers: new Map([['a', [1, 3]]]) }),
  ])
  expect(other.part).not.toBe(one.part)
})

test('it is closed when the last one lets go, once, however often each says so', async () => {
  const { leases } = world()
  const one = await leases.lease(settingsOf('a'))
  const other = await leases.lease(settingsOf('a'))
  await one.release()
  await one.release()
  expect(one.part.closed).toBe(0)
  await Promise.all([other.release(), other[Symbol.asyncDispose]()])
  expect(one.part.closed).toBe(1)
})

test('a part that can not be opened is told to all who wait, and the next one tries again', async () => {
  const { leases, openings } = world((opening) => opening === 0)
  const both = await Promise.allSettled([
    leases.lease(settingsOf('a')),
    leases.lease(settingsOf('a')),
  ])
  expect(both.map(({ status }) => status)).toEqual(['rejected', 'rejected'])
  expect(openings()).toBe(1)
  const lease = await leases.lease(settingsOf('a'))
  await lease.release()
  expect(lease.part.closed).toBe(1)
})

test('who is told of a failure and asks again at once is not told of the same one', async () => {
  const { leases, openings } = world((opening) => opening === 0)
  const again = leases.lease(settingsOf('a')).catch(async () => await leases.lease(settingsOf('a')))
  const others = [1, 2, 3].map(async () => await leases.lease(settingsOf('a')))
  const ends = await Promise.allSettled(others)
  expect(ends.map(({ status }) => status)).toEqual(['rejected', 'rejected', 'rejected'])
  await (await again).release()
  expect(openings()).toBe(2)
})

test('who asks for an open part that is not to be had as it is now gets none, and takes it from nobody', async () => {
  let broken = false
  const leases = new Leases<string, Part>({
    open: (name) => new Part(name, new Map()),
    renew: () => {
      if (broken) throw new Error('its file is gone')
    },
  })
  const lease = await leases.lease('a')
  broken = true
  await expect(leases.lease('a')).rejects.toThrow('its file is gone')
  expect(lease.part.closed).toBe(0)
  await lease.release()
  expect(lease.part.closed).toBe(1)
})

test('who asks while the last one is being closed waits for that', async () => {
  const closing = Promise.withResolvers<undefined>()
  const events: string[] = []
  const leases = new Leases<string, { close(): Promise<void> }>({
    open: () => {
      events.push('opened')
      return {
        async close() {
          events.push('closing')
          await closing.promise
          events.push('closed')
        },
      }
    },
  })
  const released = (await leases.lease('a')).release()
  const next = leases.lease('a')
  closing.resolve(undefined)
  await Promise.all([released, next])
  expect(events).toEqual(['opened', 'closing', 'closed', 'opened'])
})

test('a part that can not be closed in order does not keep the next one from opening', async () => {
  const leases = new Leases<string, { close(): Promise<void> }>({
    open: () => ({
      async close() {
        await Promise.reject(new Error('not in order'))
      },
    }),
  })
  const released = (await leases.lease('a')).release()
  const next = leases.lease('a')
  await expect(released).rejects.toThrow('not in order')
  expect(await next).toBeDefined()
})

type Step =
  | { readonly do: 'lease'; readonly name: string; readonly wait: boolean }
  | { readonly do: 'release'; readonly which: number; readonly wait: boolean }

const steps = fc.array(
  fc.oneof(
    fc.record({
      do: fc.constant('lease' as const),
      name: fc.constantFrom('a', 'b', 'c'),
      wait: fc.boolean(),
    }),
    fc.record({ do: fc.constant('release' as const), which: fc.nat(20), wait: fc.boolean() }),
  ),
  { maxLength: 40 },
)

test('in any order of asking, failing and letting go: one of a kind for who holds it, none for nobody', async () => {
  await fc.assert(
    fc.asyncProperty(steps, fc.array(fc.boolean(), { maxLength: 20 }), async (script, failing) => {
      const { leases, made, open } = world((opening) => failing[opening] === true)
      const held: Lease<Part>[] = []
      const pending = new Set<Promise<unknown>>()
      const check = (): void => {
        for (const name of ['a', 'b', 'c']) expect(open(name)).toBeLessThanOrEqual(1)
        for (const { part } of held) expect(part.closed).toBe(0)
      }
      const take = async (name: string): Promise<void> => {
        const lease = await leases.lease(settingsOf(name)).catch(() => undefined)
        if (lease !== undefined) held.push(lease)
        check()
      }
      const run = async (step: Step): Promise<void> => {
        if (step.do === 'lease') {
          await take(step.name)
          return
        }
        const [lease] = held.splice(step.which, 1)
        await lease?.release()
        check()
      }
      for (const step of script) {
        const running = run(step)
        pending.add(running)
        if (step.wait) await running
        check()
      }
      await Promise.all(pending)
      for (const name of ['a', 'b', 'c'])
        expect(open(name)).toBe(held.some(({ part }) => part.name === name) ? 1 : 0)
      await Promise.all(held.splice(0).map(async (lease) => await lease.release()))
      expect(made.map(({ closed }) => closed)).toEqual(made.map(() => 1))
    }),
  )
})
