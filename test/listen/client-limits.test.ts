/**
 * Who is let in, and how much may come from one client: sessions at a time and rates, with a clock
 * of our own.
 */
import { describe, expect, test } from 'vitest'
import { type Admission, ClientLimits, type LimitsOfClass } from '../../src/listen/client-limits.ts'
import type { Rates } from '../../src/listen/client-rates.ts'

interface World {
  readonly sessions?: number
  readonly perAddress?: number
  readonly perNetwork?: number
  readonly rates?: Rates
  readonly classes?: Readonly<Record<string, LimitsOfClass>>
}

/**
 * Clients with "partner" in their name, or in 198.51.100.0/24, are partners; 10.0.0.0/8 is trusted.
 */
function limitsOf(world: World): { limits: ClientLimits; clock: { now: number } } {
  const clock = { now: 0 }
  const limits = new ClientLimits({
    limits: {
      sessions: world.sessions ?? 1000,
      sessionsPerAddress: world.perAddress ?? 1000,
      sessionsPerNetwork: world.perNetwork ?? 1000,
      rates: world.rates ?? {},
    },
    classes: new Map(Object.entries(world.classes ?? {})),
    classOf: ({ address, rdns }) => ({
      peer:
        address.startsWith('198.51.100.') || rdns?.includes('partner') === true
          ? 'partners'
          : 'default',
      trusted: address.startsWith('10.'),
    }),
    now: () => clock.now,
  })
  return { limits, clock }
}

const outcome = (admitted: Admission | string): string =>
  typeof admitted === 'string' ? admitted : 'in'

function letIn(limits: ClientLimits, address: string): Admission {
  const admitted = limits.admit({ address })
  if (typeof admitted === 'string') throw new Error(`${address} is not let in: ${admitted}`)
  return admitted
}

describe('sessions', () => {
  test.each<[string, World, string[], string]>([
    ['in all', { sessions: 2 }, ['192.0.2.1', '198.51.100.1'], 'sessions'],
    ['of an address', { perAddress: 2 }, ['192.0.2.9', '192.0.2.9'], 'sessions_per_address'],
    ['of a /24', { perNetwork: 2 }, ['192.0.2.1', '192.0.2.2'], 'sessions_per_network'],
    [
      'of a class',
      { classes: { default: { sessions: 2, rates: {} } } },
      ['192.0.2.1', '203.0.113.2'],
      'sessions_of_class',
    ],
  ])('%s: one more is turned away, until one has ended', (_, world, addresses, limit) => {
    const { limits } = limitsOf(world)
    const [first, ...others] = addresses.map((address) => letIn(limits, address))
    expect(outcome(limits.admit({ address: '192.0.2.9' }))).toBe(limit)
    first?.end()
    first?.end() // once is enough
    const next = letIn(limits, '192.0.2.9')
    expect(outcome(limits.admit({ address: '192.0.2.9' }))).toBe(limit)
    for (const admission of [...others, next]) admission.end()
    expect(limits.sessions).toBe(0)
  })
  test('of a /64 of IPv6', () => {
    const { limits } = limitsOf({ perNetwork: 1 })
    letIn(limits, '2001:db8:1:2::1')
    expect(outcome(limits.admit({ address: '2001:db8:1:2:ffff::9' }))).toBe('sessions_per_network')
    expect(outcome(limits.admit({ address: '2001:db8:1:3::1' }))).toBe('in')
  })
  test('limits.md: “A peer class may have its own:”', () => {
    const own = { sessionsPerAddress: 3, sessionsPerNetwork: 3, rates: {} }
    const { limits } = limitsOf({ perAddress: 1, perNetwork: 1, classes: { partners: own } })
    const partner = (): string => outcome(limits.admit({ address: '198.51.100.7' }))
    expect([partner(), partner(), partner(), partner()]).toEqual([
      'in',
      'in',
      'in',
      'sessions_per_address',
    ])
    const other = (): string => outcome(limits.admit({ address: '192.0.2.7' }))
    expect([other(), other()]).toEqual(['in', 'sessions_per_address'])
  })
  test('limits.md: “Clients in trusted networks count in limits.sessions and have no other limit of the tables for sessions and rates.”', () => {
    const { limits } = limitsOf({
      sessions: 3,
      perAddress: 1,
      perNetwork: 1,
      rates: { connectionsPerMinute: 1 },
    })
    const trusted = (): string => outcome(limits.admit({ address: '10.0.0.1' }))
    expect([trusted(), trusted(), trusted(), trusted()]).toEqual(['in', 'in', 'in', 'sessions'])
  })
  test('limits.md: “Where classes are told apart by host name (rdns), it looks up the name after that.” “Rcptwise finds the class by the address when the client connects.”', () => {
    const { limits } = limitsOf({ classes: { partners: { sessions: 1, rates: {} } } })
    const first = letIn(limits, '192.0.2.1')
    expect(first.named('a.partner.example')).toBeUndefined()
    const second = letIn(limits, '192.0.2.2')
    expect(second.named('elsewhere.example')).toBeUndefined()
    expect(second.named('b.partner.example')).toBe('sessions_of_class')
    first.end()
    expect(second.named('b.partner.example')).toBeUndefined()
    second.end()
    expect(limits.sessions).toBe(0)
  })
})

describe('rates', () => {
  test("connections in a minute: limits.md: “A rate belongs to an address, as in Postfix's anvil: strangers share a network.”", () => {
    const { limits, clock } = limitsOf({ rates: { connectionsPerMinute: 2 } })
    const connect = (address: string): string => outcome(limits.admit({ address }))
    expect([connect('192.0.2.1'), connect('192.0.2.1'), connect('192.0.2.1')]).toEqual([
      'in',
      'in',
      'connections_per_minute',
    ])
    expect(connect('192.0.2.2')).toBe('in')
    clock.now = 30_000
    expect([connect('192.0.2.1'), connect('192.0.2.1')]).toEqual(['in', 'connections_per_minute'])
  })
  test('limits.md: “An IPv6 /64 counts as one address, since one host may have all of it.”', () => {
    const { limits } = limitsOf({ rates: { messagesPerMinute: 1 } })
    expect(letIn(limits, '2001:db8::1').takes('messages')).toBeUndefined()
    expect(letIn(limits, '2001:db8::2').takes('messages')).toBe('messages_per_minute')
  })
  test('over all sessions of the client, each thing by itself', () => {
    const { limits, clock } = limitsOf({ rates: { messagesPerMinute: 2, recipientsPerMinute: 3 } })
    const [one, two] = [letIn(limits, '192.0.2.1'), letIn(limits, '192.0.2.1')]
    expect([one.takes('messages'), two.takes('messages'), one.takes('messages')]).toEqual([
      undefined,
      undefined,
      'messages_per_minute',
    ])
    expect([one, two, one, two].map((session) => session.takes('recipients')).at(-1)).toBe(
      'recipients_per_minute',
    )
    clock.now = 60_000
    expect(two.takes('messages')).toBeUndefined()
  })
  test('who makes too many errors is turned away until some time has gone by', () => {
    const { limits, clock } = limitsOf({ rates: { errorsPerMinute: 2 } })
    const session = letIn(limits, '192.0.2.1')
    expect([session.takes('errors'), session.takes('errors'), session.takes('errors')]).toEqual([
      undefined,
      undefined,
      'errors_per_minute',
    ])
    session.end()
    expect(outcome(limits.admit({ address: '192.0.2.1' }))).toBe('errors_per_minute')
    clock.now = 30_000
    expect(outcome(limits.admit({ address: '192.0.2.1' }))).toBe('in')
  })
  test('a class may have another rate, or none', () => {
    const classes = { partners: { rates: { messagesPerMinute: Infinity } } }
    const { limits } = limitsOf({ rates: { messagesPerMinute: 1 }, classes })
    const partner = letIn(limits, '198.51.100.1')
    const other = letIn(limits, '192.0.2.1')
    expect([partner, partner, partner].map((session) => session.takes('messages'))).toEqual([
      undefined,
      undefined,
      undefined,
    ])
    expect([other.takes('messages'), other.takes('messages')]).toEqual([
      undefined,
      'messages_per_minute',
    ])
  })
  test('trusted peers have no rate', () => {
    const { limits } = limitsOf({ rates: { messagesPerMinute: 1, errorsPerMinute: 1 } })
    const session = letIn(limits, '10.0.0.1')
    expect([session.takes('messages'), session.takes('messages'), session.takes('errors')]).toEqual(
      [undefined, undefined, undefined],
    )
  })
})
