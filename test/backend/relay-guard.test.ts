/** Rule 8 where the backend decides: each server is asked as a stranger first, and again when it comes back. */
import { expect, test } from 'vitest'
import { openRelay } from '../../src/backend/relay-guard.ts'
import { type OpenBackend, openBackend } from './backend-session.ts'
import { startFakeBackend } from '../support/fake-backend.ts'

const xclient = ['PIPELINING', 'XCLIENT NAME ADDR PORT PROTO HELO']
const reset = { on: 'other' as const, having: 'XCLIENT', say: '220 backend.test again' }
const guarded = { guarded: true, introduction: 'xclient' } as const

const probes = async ({ backend }: OpenBackend, count: number): Promise<(string | undefined)[]> => {
  const said: (string | undefined)[] = []
  for (let i = 0; i < count; i++) said.push(await backend.probe())
  return said
}

test.each([
  ['refuses the recipient', [{ on: 'RCPT' as const, say: '554 5.7.1 relaying denied' }], [undefined, undefined]],
  ['refuses the sender', [{ on: 'MAIL' as const, say: '550 5.1.8 no such domain' }], [undefined, undefined]],
  [
    'refuses the client',
    [{ on: 'other' as const, having: 'XCLIENT', say: '550 5.7.1 blocked' }],
    [undefined, undefined],
  ],
  ['relays', [], [openRelay, openRelay]],
])('a backend that %s', async (_name, rules, said) => {
  await using server = await startFakeBackend({ offers: xclient, rules: [...rules, reset] })
  await using opened = openBackend(server, guarded)
  expect(await probes(opened, 2)).toEqual(said)
})

test('without XCLIENT nothing can be known, and nothing goes through', async () => {
  await using server = await startFakeBackend({ rules: [{ on: 'RCPT', say: '554 5.7.1 relaying denied' }] })
  await using opened = openBackend(server, guarded)
  expect(await probes(opened, 1)).toEqual([expect.stringContaining('does not offer XCLIENT')])
})

test('a 4yz is no answer; one that is never anything else is taken for a refusal', async () => {
  await using server = await startFakeBackend({
    offers: xclient,
    rules: [{ on: 'RCPT', say: '450 4.2.0 greylisted' }, reset],
  })
  await using opened = openBackend(server, guarded)
  const asked = expect.stringContaining('asked again') as unknown
  expect(await probes(opened, 1)).toEqual([asked])
  // A message would ask once more first: still no answer.
  const begun = await opened.begin().envelope([])
  expect(begun.told).toEqual([expect.stringMatching(/^mail 451 4\.4\.1 /)])
  expect(server.delivered).toEqual([])
  expect(await probes(opened, 1)).toEqual([undefined])
})

test('a 4yz first, then a yes: an open relay', async () => {
  await using server = await startFakeBackend({
    offers: xclient,
    rules: [{ on: 'RCPT', nth: 1, say: '450 4.2.0 greylisted' }, reset],
  })
  await using opened = openBackend(server, guarded)
  expect((await probes(opened, 2))[1]).toBe(openRelay)
})

test('an open relay is never used, also when the other server is away; one that refuses strangers is', async () => {
  const refuses = [{ on: 'RCPT' as const, having: 'example.net', say: '554 5.7.1 relaying denied' }, reset]
  await using relay = await startFakeBackend({ offers: xclient, rules: [reset] })
  await using safe = await startFakeBackend({ offers: xclient, rules: refuses })
  const servers = [relay, safe].map(({ port, url }) => ({ host: '127.0.0.1', port, url }))
  await using opened = openBackend(relay, { ...guarded, servers })
  expect(await probes(opened, 1)).toEqual([undefined])
  for (let i = 0; i < 5; i++) {
    const begun = await opened.begin().envelope(['<0@x>'])
    expect(begun.told).toEqual(['mail 250 2.1.0 Ok', 'rcpt 0 250 2.1.5 Ok'])
    begun.transaction.abandon()
  }
  await safe.stop()
  const before = relay.lines().filter((line) => line.startsWith('MAIL')).length
  const begun = await opened.begin().envelope([])
  expect(begun.told[0]).toMatch(/^mail 451 /)
  expect(relay.lines().filter((line) => line.startsWith('MAIL'))).toHaveLength(before)
})

test('a server that comes back as an open relay is not taken back', async () => {
  const refuses = { on: 'RCPT' as const, nth: 1, say: '554 5.7.1 relaying denied' }
  await using server = await startFakeBackend({ offers: xclient, rules: [refuses, reset] })
  await using opened = openBackend(server, guarded)
  expect(await probes(opened, 1)).toEqual([undefined])
  server.rule({ on: 'connect', nth: 1, say: '421 4.3.2 no', then: 'close' })
  await opened.begin().envelope([])
  expect(await probes(opened, 1)).toEqual([openRelay])
})
