/** Rates of clients that hold over several workers, with a clock of our own. */
import { describe, expect, test } from 'vitest'
import { senderAllowance } from '../../../src/app/bounces.ts'
import type { RatesHere } from '../../../src/app/workers/shared-rates.ts'
import { parseConfig } from '../../../src/config/load.ts'
import { type Admission, ClientLimits } from '../../../src/listen/client-limits.ts'
import type { Rates } from '../../../src/listen/client-rates.ts'
import { alone } from '../../../src/listen/shared-limits.ts'
import { until } from '../../support/lab/until.ts'
import { crewOfRates } from './crew-of-rates.ts'

const clock = { now: 0 }
const now = (): number => clock.now

function limitsOf(shared: RatesHere, rates: Rates): ClientLimits {
  const limits = { sessions: 1000, sessionsPerAddress: 1000, sessionsPerNetwork: 1000, rates }
  const classOf = () => ({ peer: 'default', trusted: false })
  return new ClientLimits({ limits, classes: new Map(), classOf, now }, { ...alone, rates: shared })
}

/** A session of the client at a worker. */
function at(limits: ClientLimits, address = '192.0.2.1'): Admission {
  const admitted = limits.admit({ address })
  if (typeof admitted === 'string') throw new Error(admitted)
  return admitted
}

const messages = (session: Admission, count: number): number =>
  Array.from({ length: count }, () => session.takes('messages')).filter(
    (limit) => limit === undefined,
  ).length

describe('messages_per_minute with three workers', () => {
  const rates = { messagesPerMinute: 6 }

  test('limits.md: “Each worker decides at once, by what it knows, and tells the others a moment later (about 50 ms).”', async () => {
    clock.now = 0
    using crew = crewOfRates(now)
    const [a, b, c] = ['a', 'b', 'c'].map((name) => {
      const shared = crew.join(name)
      crew.all.join(name)
      return at(limitsOf(shared, rates))
    })
    if (a === undefined || b === undefined || c === undefined) throw new Error('three workers')
    expect(messages(a, 10)).toBe(6)
    await until('b knows', () => messages(b, 1) === 0)
    await until('c knows', () => messages(c, 1) === 0)
    clock.now = 30_000
    // Three in all, wherever: one here and two there.
    expect(messages(b, 1)).toBe(1)
    expect(messages(c, 2)).toBe(2)
    await until('a knows of both', () => messages(a, 1) === 0)
  })

  test('limits.md: “So what comes within that moment at different workers can go beyond a limit.” “A client pays back what it overshoots of a rate: nothing more passes until the excess has expired.” known-limits.md: “what comes at the same moment at different workers can go beyond one”', async () => {
    clock.now = 0
    using crew = crewOfRates(now)
    const told: number[] = []
    const [a, b] = ['a', 'b'].map((name) => {
      const shared = crew.join(name)
      shared.onElsewhere((_, __, amount) => told.push(amount))
      crew.all.join(name)
      return at(limitsOf(shared, rates))
    })
    if (a === undefined || b === undefined) throw new Error('two workers')
    expect(messages(a, 6) + messages(b, 6)).toBe(12)
    await until('each knows of the other', () => told.length === 2)
    clock.now = 60_000
    expect([messages(a, 1), messages(b, 1)]).toEqual([0, 0])
    clock.now = 70_000
    expect(messages(a, 6)).toBe(1)
  })

  test('another client, another rate and another configuration have their own', async () => {
    clock.now = 0
    using crew = crewOfRates(now)
    const [sharedA, sharedB] = [crew.join('a'), crew.join('b')]
    crew.all.join('a')
    crew.all.join('b')
    const [a, b] = [
      limitsOf(sharedA, rates),
      limitsOf(sharedB, { ...rates, recipientsPerMinute: 6 }),
    ]
    expect(messages(at(a), 6)).toBe(6)
    const client = at(b)
    await until('b knows', () => messages(client, 1) === 0)
    expect(messages(at(b, '192.0.2.2'), 6)).toBe(6)
    expect(client.takes('recipients')).toBeUndefined()
    const c = crew.join('c')
    const third = at(limitsOf(c, { messagesPerMinute: 7 }))
    crew.all.join('c')
    expect(messages(third, 7)).toBe(7)
  })
})

test('limits.md: “what it took of rates stays taken.”', async () => {
  clock.now = 0
  using crew = crewOfRates(now)
  const a = limitsOf(crew.join('a'), { errorsPerMinute: 4 })
  const b = limitsOf(crew.join('b'), { errorsPerMinute: 4 })
  crew.all.join('a')
  crew.all.join('b')
  const session = at(a)
  expect([1, 2, 3, 4].map(() => session.takes('errors'))).toEqual([
    undefined,
    undefined,
    undefined,
    undefined,
  ])
  await until('b knows', () => b.admit({ address: '192.0.2.1' }) === 'errors_per_minute')
  crew.all.leave('a')
  const successor = limitsOf(crew.join('a'), { errorsPerMinute: 4 })
  crew.all.join('a')
  expect(successor.admit({ address: '192.0.2.1' })).toBe('errors_per_minute')
  clock.now = 15_000
  expect(successor.admit({ address: '192.0.2.1' })).not.toBe('errors_per_minute')
})

test('limits.md: “A reload that leaves a rate as it was forgets nothing of it.” Another rate begins anew', () => {
  clock.now = 0
  using crew = crewOfRates(now)
  const limits = limitsOf(crew.join('a'), { messagesPerMinute: 2 })
  const session = at(limits)
  expect(messages(session, 3)).toBe(2)
  const use = (messagesPerMinute: number): void => {
    const sessions = { sessions: 1000, sessionsPerAddress: 1000, sessionsPerNetwork: 1000 }
    const classOf = () => ({ peer: 'default', trusted: false })
    limits.use({
      limits: { ...sessions, rates: { messagesPerMinute } },
      classes: new Map(),
      classOf,
      now,
    })
  }
  use(2)
  expect(messages(session, 3)).toBe(0)
  use(3)
  expect(messages(session, 4)).toBe(3)
})

test('bounces_per_hour: reports to one sender, in all', async () => {
  clock.now = 0
  const loaded = parseConfig('limits: { bounces_per_hour: 2 }\n', '/tmp/config.yaml')
  if (!loaded.ok) throw new Error('the configuration is wrong')
  using crew = crewOfRates(now)
  const allowances = ['a', 'b'].map((name) => {
    const shared = crew.join(name)
    crew.all.join(name)
    return senderAllowance(loaded.config, now, shared)
  })
  const [a, b] = allowances
  a?.take('S@x.test')
  const second = a?.take('s@x.test')
  expect(second).toBeDefined()
  await until('b knows', () => {
    const taken = b?.take('s@x.test')
    taken?.giveBack()
    return taken === undefined
  })
  second?.giveBack()
  await until('it is there again', () => b?.take('s@x.test') !== undefined)
  expect(b?.take('s@x.test')).toBeUndefined()
})
