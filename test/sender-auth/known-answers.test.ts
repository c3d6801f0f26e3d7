/** What the DNS has answered is good for other messages, for a while and within its memory. */
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { KnownAnswers } from '../../src/sender-auth/known-answers.ts'
import { boundedQuestions, type Resolve } from '../../src/sender-auth/questions.ts'
import { withHeader } from '../../src/sender-auth/text-to-verify.ts'

const keptMs = 300_000
const failure = (code: string): Error => Object.assign(new Error(code), { code })

/** A front-end with a DNS whose answers say when they were given, and a clock. */
class Asking {
  now = 1_000_000_000
  /** Questions that were put to the DNS. */
  put: string[] = []
  /** Taken from the client. */
  taken = 0
  fails: string | undefined
  readonly known: KnownAnswers

  constructor(options: { readonly keptMs?: number; readonly mostOctets?: number } = {}) {
    const { mostOctets = 4 * 1024 * 1024 } = options
    this.known = new KnownAnswers({
      keptMs: options.keptMs ?? keptMs,
      mostOctets,
      now: () => this.now,
    })
  }

  readonly #resolve: Resolve = async (name) => {
    this.put.push(name)
    await Promise.resolve()
    if (this.fails !== undefined) throw failure(this.fails)
    return [[String(this.now)]]
  }

  /** As another message. */
  async ask(name: string, most = 30): Promise<string> {
    const take = (): boolean => ++this.taken > 0
    const { resolve } = boundedQuestions({
      resolve: this.#resolve,
      known: this.known,
      most,
      allowance: { take },
      clientAddress: '192.0.2.1',
      end: new AbortController().signal,
    })
    return String((await resolve(name, 'TXT'))[0]?.[0])
  }
}

describe('bounces.dns_keep', () => {
  test('no answer is older, whatever is asked when, also when the clock is set', async () => {
    const step = fc.record({
      name: fc.constantFrom('a', 'b', 'c'),
      laterMs: fc.oneof(fc.integer({ min: -2 * keptMs, max: 2 * keptMs }), fc.constant(1000)),
    })
    await fc.assert(
      fc.asyncProperty(fc.array(step, { maxLength: 40 }), async (steps) => {
        const asking = new Asking()
        for (const { name, laterMs } of steps) {
          asking.now += laterMs
          const age = asking.now - Number(await asking.ask(name))
          expect(age).toBeLessThan(keptMs)
          expect(age).toBeGreaterThanOrEqual(0)
        }
      }),
    )
  })

  test('within it nothing is asked twice, and nothing more is taken from the client', async () => {
    const asking = new Asking()
    const answers = [await asking.ask('a')]
    asking.now += keptMs - 1
    answers.push(await asking.ask('a'), await asking.ask('A'))
    expect(new Set(answers).size).toBe(1)
    expect([asking.put, asking.taken]).toEqual([['a'], 1])
  })

  test('messages that come together share one question', async () => {
    const asking = new Asking()
    await Promise.all(Array.from({ length: 50 }, async () => await asking.ask('a')))
    expect(asking.put).toEqual(['a'])
  })

  test('what is known is a question of its message all the same', async () => {
    const asking = new Asking()
    await asking.ask('a')
    await expect(asking.ask('a', 0)).rejects.toThrow('too many questions for one message')
  })

  test('0: each message asks anew', async () => {
    const asking = new Asking({ keptMs: 0 })
    await asking.ask('a')
    await asking.ask('a')
    expect(asking.put).toEqual(['a', 'a'])
  })

  test.each([
    ['ENOTFOUND', keptMs],
    ['ENODATA', keptMs],
    ['ESERVFAIL', 5000],
    ['ETIMEOUT', 5000],
    ['ECONNREFUSED', 5000],
  ])(
    'bounces.md: “Of a server that fails Rcptwise asks the same again after five seconds.” %s is kept for %i ms',
    async (code, ms) => {
      const asking = new Asking()
      asking.fails = code
      await expect(asking.ask('a')).rejects.toThrow(code)
      asking.now += ms - 1
      await expect(asking.ask('a')).rejects.toThrow(code)
      expect(asking.put).toEqual(['a'])
      asking.now += 1
      asking.fails = undefined
      expect(await asking.ask('a')).toBe(String(asking.now))
    },
  )
})

describe('bounces.dns_kept_size', () => {
  const mostOctets = 256 * 1024

  test('more is not kept, of whatever size the answers are, and the last ones stay', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.integer({ min: 0, max: 200_000 }), { minLength: 1 }),
        async (sizes) => {
          const known = new KnownAnswers({ keptMs, mostOctets, now: () => 0 })
          for (const [n, size] of sizes.entries()) {
            const answer = Promise.resolve([['x'.repeat(size)]])
            known.keep(`q${n}`, answer)
            await answer
          }
          const kept = sizes.filter((_, n) => known.of(`q${n}`) !== undefined)
          expect(kept.reduce((sum, size) => sum + size, 0)).toBeLessThanOrEqual(mostOctets)
          const last = sizes.at(-1) ?? 0
          if (last < mostOctets / 8) expect(known.of(`q${sizes.length - 1}`)).toBeDefined()
        },
      ),
    )
  })

  test('a million names take no more either', () => {
    const known = new KnownAnswers({ keptMs, mostOctets, now: () => 0 })
    const none = Promise.resolve([])
    for (let n = 0; n < 1_000_000; n += 1) known.keep(`q${n}`, none)
    let kept = 0
    for (let n = 0; n < 1_000_000; n += 1) if (known.of(`q${n}`) !== undefined) kept += 1
    expect(kept * 100).toBeLessThan(mostOctets)
    expect(known.of('q999999')).toBeDefined()
  })
})

test('the event loop goes round between the pieces of a text that DKIM is checked on', async () => {
  const pieces = 40
  const text = Buffer.alloc(pieces * 65_536, 'x')
  const chunks = async function* (): AsyncGenerator<Buffer> {
    yield await Promise.resolve(text.subarray(0, 1))
    for (let at = 1; at < text.length; at += 1024) yield text.subarray(at, at + 1024)
  }
  let turns = 0
  const count = (): void => {
    turns += 1
    next = setImmediate(count)
  }
  let next = setImmediate(count)
  let octets = 0
  for await (const piece of withHeader(Buffer.from('a: b\r\n\r\n'), chunks(), 0))
    octets += piece.length
  clearImmediate(next)
  expect(octets).toBeGreaterThan(text.length)
  expect(turns).toBeGreaterThanOrEqual(pieces - 1)
})
