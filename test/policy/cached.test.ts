import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { cached, type CacheOptions, type Recalled } from '../../src/policy/cached.ts'
import type { Answer, Answers, Source } from '../../src/policy/policy-source.ts'
import { named, type Pace, type Scripted, ScriptedSource } from '../support/scripted-source.ts'
import { breakable, nameOfRaw, type Raw } from './breakable.ts'
import { describePolicySource } from './source.contract.ts'

const listening = new AbortController().signal
const failed: Scripted = { kind: 'failed', source: 'scripted', why: 'away' }

interface Cache {
  readonly clock: { now: number }
  readonly scripted: ScriptedSource
  readonly source: Source<Raw>
  readonly ask: (...recipients: readonly string[]) => Promise<readonly Answer<Raw>[]>
  /** Whom the source was asked for since this was called last. */
  readonly asked: () => readonly (readonly string[])[]
}

function cache(
  answers: Readonly<Record<string, Scripted>>,
  options: Partial<CacheOptions> = {},
  pace: Pace = 'at once',
): Cache {
  const clock = { now: 0 }
  const scripted = new ScriptedSource(answers, pace)
  const limits = { foundMs: 1000, unknownMs: 100, staleMs: 0, mostRecipients: 100, ...options }
  const source = cached(scripted, { ...limits, clock: () => clock.now })
  return {
    clock,
    scripted,
    source,
    ask: async (...recipients) => await source.policiesFor(recipients, listening),
    asked: () => scripted.asked.splice(0).map(({ recipients }) => recipients),
  }
}

describe.each<Pace>(['at once', 'later'])('over a source that answers %s', (pace) => {
  test('what is known is not asked again, and the rest is one question, each once', async () => {
    const { ask, asked } = cache({ a: named('strict'), c: named('careful') }, {}, pace)
    await ask('a', 'b')
    expect(asked()).toEqual([['a', 'b']])
    expect(await ask('c', 'b', 'd', 'a', 'c', 'd')).toEqual([
      named('careful'),
      { kind: 'unknown' },
      { kind: 'unknown' },
      named('strict'),
      named('careful'),
      { kind: 'unknown' },
    ])
    expect(asked()).toEqual([['c', 'd']])
  })

  test('a policy and that there is none are kept each for their time', async () => {
    const { ask, asked, clock } = cache({ a: named('strict') }, {}, pace)
    await ask('a', 'b')
    asked()
    clock.now = 99
    await ask('a', 'b')
    expect(asked()).toEqual([])
    clock.now = 100
    await ask('a', 'b')
    expect(asked()).toEqual([['b']])
    clock.now = 1000
    await ask('a')
    expect(asked()).toEqual([['a']])
  })

  test('a failure is not kept', async () => {
    const { ask, asked } = cache({ a: failed, b: named('strict') }, {}, pace)
    expect(await ask('a', 'b')).toEqual([failed, named('strict')])
    asked()
    await ask('a', 'b')
    expect(asked()).toEqual([['a']])
  })
})

describe.each<Pace>(['at once', 'later'])('over a source that fails %s', (pace) => {
  /** What the source says of `a`; it can be changed. */
  const failing = (options: Partial<CacheOptions> = {}) => {
    const answers: Record<string, Scripted> = { a: named('strict') }
    const recalled: Recalled[] = []
    const clock = { now: 0 }
    const source = cached(
      {
        name: 'scripted',
        policiesFor: (recipients, signal): Answers<Raw> =>
          new ScriptedSource(answers, pace).policiesFor(recipients, signal),
        close: async () => await Promise.resolve(),
      },
      {
        foundMs: 1000,
        unknownMs: 100,
        staleMs: 50_000,
        mostRecipients: 100,
        clock: () => clock.now,
        onRecalled: (one) => recalled.push(one),
        ...options,
      },
    )
    const ask = async (...recipients: readonly string[]) =>
      await source.policiesFor(recipients, listening)
    return { answers, ask, clock, recalled, source }
  }

  test('what was known serves for a while, also that somebody is unknown; nobody else has an answer', async () => {
    const { answers, ask, clock, recalled } = failing()
    await ask('a', 'b')
    Object.assign(answers, { a: failed, b: failed, c: failed })
    clock.now = 1000
    expect(await ask('a', 'b', 'c')).toEqual([named('strict'), { kind: 'unknown' }, failed])
    expect(recalled).toEqual([{ recipients: 2, stale: true }])
    clock.now = 50_100
    expect(await ask('a', 'b')).toEqual([named('strict'), failed])
    clock.now = 51_000
    expect(await ask('a')).toEqual([failed])
  })

  test('it is asked again ten seconds later, and what it says then counts', async () => {
    const { answers, ask, clock, recalled } = failing()
    await ask('a')
    Object.assign(answers, { a: failed })
    clock.now = 1000
    await ask('a')
    Object.assign(answers, { a: named('careful') })
    clock.now = 10_999
    expect(await ask('a')).toEqual([named('strict')])
    clock.now = 11_000
    expect(await ask('a')).toEqual([named('careful')])
    expect(recalled).toEqual([
      { recipients: 1, stale: true },
      { recipients: 1, stale: false },
    ])
  })

  test('renewed, it asks for everybody, and what was known serves where that fails', async () => {
    const { answers, ask, source } = failing()
    await ask('a', 'b')
    Object.assign(answers, { a: failed, b: named('careful') })
    source.renew()
    expect(await ask('a', 'b')).toEqual([named('strict'), named('careful')])
  })

  test('a question that nobody waits for says nothing of the source', async () => {
    const { answers, ask, source } = failing()
    await ask('a')
    Object.assign(answers, { a: failed })
    source.renew()
    await source.policiesFor(['a'], AbortSignal.abort())
    Object.assign(answers, { a: named('careful') })
    expect(await ask('a')).toEqual([named('careful')])
  })
})

test('what is kept is given at once', async () => {
  const { ask, source } = cache({ a: named('strict') }, {}, 'later')
  await ask('a')
  expect(source.policiesFor(['a'], listening)).toEqual([named('strict')])
})

test('so many recipients are kept, and who was asked for longest ago goes first', async () => {
  const { ask, asked } = cache({}, { mostRecipients: 3 })
  await ask('a', 'b', 'c')
  await ask('a')
  await ask('d')
  asked()
  await ask('a', 'c', 'd')
  expect(asked()).toEqual([])
  await ask('b')
  expect(asked()).toEqual([['b']])
})

test('of very many no more are kept than may be, and who was asked for just now is among them', async () => {
  const mostRecipients = 120_000
  const { ask, asked } = cache({}, { mostRecipients })
  const names = Array.from({ length: 2 * mostRecipients }, (_, i) => `user${i}@example.org`)
  for (let at = 0; at < names.length; at += 1000) await ask(...names.slice(at, at + 1000))
  asked()
  await ask(...names.slice(-1000))
  expect(asked()).toEqual([])
  await ask(...names)
  const again = asked().flat().length
  expect(again).toBeGreaterThanOrEqual(names.length - mostRecipients)
  expect(again).toBeLessThan(names.length - 0.8 * mostRecipients)
})

test('whatever was asked before, everybody has the answer of the source', async () => {
  const names = ['a', 'b', 'c', 'd', 'e', 'f']
  const answers = { a: named('strict'), b: named('careful'), c: failed }
  const expected = (name: string): Scripted =>
    new Map<string, Scripted>(Object.entries(answers)).get(name) ?? { kind: 'unknown' }
  await fc.assert(
    fc.asyncProperty(
      fc.array(fc.tuple(fc.array(fc.constantFrom(...names)), fc.nat(500))),
      fc.nat(6),
      fc.constantFrom<Pace>('at once', 'later'),
      async (questions, mostRecipients, pace) => {
        const { ask, clock } = cache(answers, { mostRecipients }, pace)
        for (const [recipients, ms] of questions) {
          clock.now += ms
          expect(await ask(...recipients)).toEqual(recipients.map(expected))
        }
      },
    ),
  )
})

describePolicySource('a source with a cache', {
  open: (entries) =>
    breakable(entries, 'later', (one) =>
      cached(one, { foundMs: 60_000, unknownMs: 60_000, staleMs: 0, mostRecipients: 10 }),
    ),
  nameOf: nameOfRaw,
})
