import { describe, expect, test } from 'vitest'
import { PeerDirectory, type PeerDirectoryOptions } from '../../src/listen/peer-directory.ts'
import type { PeerFacts } from '../../src/session/session.ts'
import { defaultPeer } from '../support/machine.ts'

const none = { address: [], rdns: [], helo: [], senderDomain: [] }
const named = (name: string, match: Partial<typeof none | Record<keyof typeof none, readonly string[]>>) => ({
  ...defaultPeer,
  name,
  match: { ...none, ...match },
})
const options: PeerDirectoryOptions = {
  classes: [
    named('partners', { address: ['192.0.2.0/24', '2001:db8::/32'], helo: ['*.partner.example'] }),
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
    ['HELO of the domain itself', { helo: 'partner.example' }, 'default'],
    ['verified name', { rdns: 'out.bulk.example' }, 'bulk'],
    ['sender domain', { senderDomain: 'news.example' }, 'bulk'],
    ['the first class that fits', { address: '192.0.2.1', senderDomain: 'news.example' }, 'partners'],
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
