import { describe, expect, test } from 'vitest'
import {
  inRanges,
  PeerDirectory,
  type PeerDirectoryOptions,
} from '../../src/peers/peer-directory.ts'
import type { PeerFacts } from '../../src/session/oracle.ts'
import { octetsOf } from '../../src/smtp/octets.ts'
import { defaultPeer } from '../support/machine.ts'

const none = { address: [], rdns: [], helo: [], senderDomain: [] }
const named = (
  name: string,
  match: Partial<typeof none | Record<keyof typeof none, readonly string[]>>,
) => ({
  ...defaultPeer,
  name,
  match: { ...none, ...match },
})
const options: PeerDirectoryOptions = {
  classes: [
    named('partners', { address: ['192.0.2.0/24', '2001:db8::/32'], helo: ['*.partner.example'] }),
    named('books', { helo: ['*.xn--bcher-kva.example'] }),
    named('bulk', { rdns: ['*.bulk.example'], senderDomain: ['news.example'] }),
    named('default', {}),
  ],
  trusted: ['10.0.0.0/8', '2001:db8:1::1'],
  overrides: () => [],
  now: () => 1000,
}
const someone: PeerFacts = { address: '198.51.100.1', helo: 'x', senderDomain: 'example.net' }

describe('which class a client is in', () => {
  test.each<[string, Partial<PeerFacts>, string]>([
    ['anyone', {}, 'default'],
    ['address', { address: '192.0.2.77' }, 'partners'],
    ['IPv6 address', { address: '2001:db8::5' }, 'partners'],
    ['HELO, in any case', { helo: 'MX.Partner.Example' }, 'partners'],
    ['HELO in U-labels', { helo: octetsOf('MX.BÜCHER.example.') }, 'books'],
    ['HELO in A-labels', { helo: 'mx.xn--bcher-kva.example' }, 'books'],
    ['HELO that is an address', { helo: '[192.0.2.1]' }, 'default'],
    ['HELO of the domain itself', { helo: 'partner.example' }, 'default'],
    ['verified name', { rdns: 'out.bulk.example' }, 'bulk'],
    ['sender domain', { senderDomain: 'news.example' }, 'bulk'],
    [
      'the first class that fits',
      { address: '192.0.2.1', senderDomain: 'news.example' },
      'partners',
    ],
    ['the null sender', { senderDomain: '' }, 'default'],
    ['no address', { address: '' }, 'default'],
  ])('%s', (_name, facts, name) => {
    expect(new PeerDirectory(options).serve({ ...someone, ...facts }).peer.name).toBe(name)
  })

  test.each([
    ['10.1.2.3', true],
    ['2001:db8:1::1', true],
    ['2001:db8:1::2', false],
    ['11.0.0.1', false],
  ])('%s trusted: %s', (address, trusted) => {
    expect(new PeerDirectory(options).serve({ ...someone, address }).trusted).toBe(trusted)
  })

  test('names are looked up only where a class asks for them', () => {
    expect(new PeerDirectory(options).needsRdns).toBe(true)
    expect(new PeerDirectory({ ...options, classes: [named('default', {})] }).needsRdns).toBe(false)
  })

  test.each([
    [undefined, 'lenient'],
    [2000, 'lenient'],
    [1000, 'group'],
  ] as const)('a strategy set until %j is in force for the next transaction', (until, strategy) => {
    const set = {
      peer: 'default',
      strategy: 'lenient',
      setAt: 0,
      by: 'admin',
      ...(until === undefined ? {} : { until }),
    } as const
    const directory = new PeerDirectory({ ...options, overrides: () => [set] })
    expect(directory.serve(someone).peer.strategy).toBe(strategy)
    expect(directory.serve({ ...someone, address: '192.0.2.1' }).peer.strategy).toBe('group')
  })
})

describe('auto', () => {
  const classes = [{ ...named('default', {}), strategy: 'auto' as const }]
  const lenient = { sender: 'sender.example', learned: { lessons: { deferred: 3, missing: 1 } } }
  const auto = (change: Partial<PeerDirectoryOptions> = {}): PeerDirectory =>
    new PeerDirectory({ ...options, classes, ...change })

  test('a stranger is served late', () => {
    const { peer } = auto().serve(someone)
    expect(peer).toMatchObject({ strategy: 'late', unvouchedAs: 'late' })
    expect(peer.chosen).toEqual({ sender: '198.51.100.1', why: 'nothing is known of it' })
  })

  test('who was seen to lose recipients is served lenient, unless nobody vouches', () => {
    expect(auto({ learned: () => lenient }).serve(someone).peer).toMatchObject({
      strategy: 'lenient',
      unvouchedAs: 'late',
      chosen: { sender: 'sender.example' },
    })
  })

  test('who is pinned is served so, whoever vouches', () => {
    const pinned = { sender: 'sender.example', learned: { lessons: {}, pinned: 'off' } } as const
    const { peer } = auto({ learned: () => pinned }).serve(someone)
    expect(peer.strategy).toBe('off')
    expect(peer).not.toHaveProperty('unvouchedAs')
  })

  test('it is asked with the client’s address and name, whatever the strategy: when a sender comes back is known of every class', () => {
    const asked: string[] = []
    const learned = ({ address, rdns }: { readonly address: string; readonly rdns?: string }) => {
      asked.push(`${address} ${rdns ?? '-'}`)
      return lenient
    }
    auto({ learned }).serve({ ...someone, rdns: 'mx.sender.example' })
    new PeerDirectory({ ...options, learned }).serve(someone)
    expect(asked).toEqual(['198.51.100.1 mx.sender.example', '198.51.100.1 -'])
  })

  test('strategies.md: “If you set auto at run time only (rcptwise strategy set), it uses the names that the configuration looks up.” Another one over it', () => {
    const set = (strategy: 'auto' | 'group') => () => [
      { peer: 'default', strategy, setAt: 0, by: 'admin' },
    ]
    expect(
      new PeerDirectory({ ...options, overrides: set('auto') }).serve(someone).peer.strategy,
    ).toBe('late')
    expect(new PeerDirectory({ ...options, overrides: set('auto') }).needsRdns).toBe(
      new PeerDirectory(options).needsRdns,
    )
    expect(auto({ overrides: set('group') }).serve(someone).peer.strategy).toBe('group')
  })

  test('strategies.md: “auto therefore looks up host names, as match.rdns does”', () =>
    expect(auto().needsRdns).toBe(true))
})

describe('while the ledger keeps nothing', () => {
  const away = (strategy: 'late' | 'auto' | 'lenient' | 'single') =>
    new PeerDirectory({
      ...options,
      classes: [{ ...named('default', {}), strategy, deliverDeferred: true }],
      remembers: () => false,
    }).serve(someone).peer

  test.each([
    ['late', 'group'],
    ['auto', 'group'],
    ['lenient', 'lenient'],
    ['single', 'single'],
  ] as const)('%s is %s: nobody is delivered to ahead of the reply', (configured, strategy) => {
    expect(away(configured)).toMatchObject({ strategy, deliverDeferred: false })
    expect(away(configured).unvouchedAs).not.toBe('late')
  })
})

test('ranges: the answer is the same when it is asked again, also of more addresses than are remembered', () => {
  const fits = inRanges(['10.0.0.0/9', '2001:db8::/32'])
  for (let round = 0; round < 3; round++)
    for (let i = 0; i < 256; i++)
      for (const [address, expected] of [
        [`10.${i}.0.1`, i < 128],
        [`10.0.${i}.1`, true],
        [`2001:db8:${i}::1`, true],
        [`2001:db9:${i}::1`, false],
        [`11.${i}.0.1`, false],
        ['no address', false],
      ] as const)
        expect(fits(address), address).toBe(expected)
})
