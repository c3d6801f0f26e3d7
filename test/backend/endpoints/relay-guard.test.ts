/**
 * Rule 8 where the backend decides: each server is asked what it would relay, first, and again when
 * it comes back.
 */
import { expect, test } from 'vitest'
import { askEndpoint, type AskedEndpoint } from '../../../src/backend/endpoints/ask.ts'
import {
  domainsAtMost,
  openRelay,
  questionsFor,
} from '../../../src/backend/endpoints/relay-guard.ts'
import { RelaySchedule } from '../../../src/backend/endpoints/relay-schedule.ts'
import { literalEndpoint } from '../../../src/backend/endpoints/resolve.ts'
import { type OpenBackend, openBackend } from '../backend-session.ts'
import { type FakeBackend, type Rule, startFakeBackend } from '../../support/fake-backend.ts'

const xclient = ['PIPELINING', 'XCLIENT NAME ADDR PORT PROTO HELO']
const reset = { on: 'other' as const, having: 'XCLIENT', say: '220 backend.test again' }
const guarded = {
  relayQuestions: { anyDomain: true, domains: [] },
  clientAddress: 'xclient',
} as const
const relaysAll = openRelay('relay-probe@example.net', 'xclient')

const probes = async ({ backend }: OpenBackend, count: number): Promise<(string | undefined)[]> => {
  const said: (string | undefined)[] = []
  for (let i = 0; i < count; i++) said.push(await backend.probe())
  return said
}

test.each([
  [
    'refuses the recipient',
    [{ on: 'RCPT' as const, say: '554 5.7.1 relaying denied' }],
    [undefined, undefined],
  ],
  [
    'refuses the sender',
    [{ on: 'MAIL' as const, say: '550 5.1.8 no such domain' }],
    [undefined, undefined],
  ],
  [
    'refuses the client',
    [{ on: 'other' as const, having: 'XCLIENT', say: '550 5.7.1 blocked' }],
    [undefined, undefined],
  ],
  ['relays', [], [relaysAll, relaysAll]],
])('a backend that %s', async (_name, rules, said) => {
  await using server = await startFakeBackend({ offers: xclient, rules: [...rules, reset] })
  await using opened = openBackend(server, guarded)
  expect(await probes(opened, 2)).toEqual(said)
})

test('without XCLIENT nothing can be known, and nothing goes through', async () => {
  await using server = await startFakeBackend({
    rules: [{ on: 'RCPT', say: '554 5.7.1 relaying denied' }],
  })
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
  expect((await probes(opened, 2))[1]).toBe(relaysAll)
})

test('an open relay is never used, also when the other server is away; one that refuses strangers is', async () => {
  const refuses = [
    { on: 'RCPT' as const, having: 'example.net', say: '554 5.7.1 relaying denied' },
    reset,
  ]
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
  expect(await probes(opened, 1)).toEqual([relaysAll])
})

const mustRefuse: Rule = { on: 'RCPT', say: '550 5.1.1 nobody here' }
const follows = (form: string): Rule[] => [
  { on: 'RCPT', having: form, say: '250 2.1.5 Ok' },
  mustRefuse,
]
const ourselves = {
  relayQuestions: { anyDomain: false, domains: ['example.org'] },
  clientAddress: 'none',
} as const
const asStranger = { ...ourselves, clientAddress: 'xclient' } as const

test.each([
  ['%', '<relay-probe%example.net@example.org>'],
  ['!', '<example.net!relay-probe@example.org>'],
  ['@ in quotes', '<"relay-probe@example.net"@example.org>'],
])(
  'a backend that follows a route with %s is an open relay, to us and to a stranger',
  async (_form, recipient) => {
    for (const options of [ourselves, asStranger]) {
      await using server = await startFakeBackend({
        offers: xclient,
        rules: [...follows(recipient), reset],
      })
      await using opened = openBackend(server, options)
      expect(await probes(opened, 1)).toEqual([
        openRelay(recipient.slice(1, -1), options.clientAddress),
      ])
      expect((await opened.begin().envelope([])).told[0]).toMatch(/^mail 451 /)
    }
  },
)

test('a backend that takes any local part at its domain is not known to follow routes, and is used', async () => {
  await using server = await startFakeBackend({
    rules: [{ on: 'RCPT', having: '@example.net>', say: '554 5.7.1 no' }],
  })
  await using opened = openBackend(server, ourselves)
  expect(await probes(opened, 1)).toEqual([undefined])
  expect(server.lines().filter((line) => line.startsWith('RCPT'))).toEqual([
    'RCPT TO:<relay-probe-example.net@example.org>',
  ])
})

test('one that defers recipients with a route is asked again, as with any other', async () => {
  const rules: Rule[] = [{ on: 'RCPT', having: '%', say: '450 4.2.0 greylisted' }, mustRefuse]
  await using server = await startFakeBackend({ rules })
  await using opened = openBackend(server, ourselves)
  expect(await probes(opened, 1)).toEqual([expect.stringContaining('asked again')])
})

test('only what comes through is asked about: any domain, those that are accepted, and its own address', () => {
  const recipients = (questions: Parameters<typeof questionsFor>[0], address: string) =>
    questionsFor(questions, address).map(({ recipient }) => recipient)
  const routes = (domain: string) =>
    ['relay-probe%example.net', 'example.net!relay-probe', '"relay-probe@example.net"'].map(
      (local) => `${local}@${domain}`,
    )
  const any = 'relay-probe@example.net'
  expect(recipients({ anyDomain: true, domains: [] }, '192.0.2.25')).toEqual([
    any,
    ...routes('[192.0.2.25]'),
  ])
  expect(recipients({ anyDomain: true, domains: [] }, '2001:db8::25')).toEqual([
    any,
    ...routes('[IPv6:2001:db8::25]'),
  ])
  expect(recipients({ anyDomain: true, domains: [] }, '')).toEqual([any])
  expect(recipients({ anyDomain: false, domains: ['example.org'] }, '192.0.2.25')).toEqual(
    routes('example.org'),
  )
  const many = Array.from({ length: 1000 }, (_, i) => `d${i}.example`)
  expect(recipients({ anyDomain: false, domains: many }, '192.0.2.25')).toEqual(
    many.slice(0, domainsAtMost).flatMap(routes),
  )
})

/** One endpoint, asked as Endpoints asks it, at times of the test's own. */
function asked(
  server: FakeBackend,
  options: typeof ourselves | typeof asStranger | typeof guarded,
) {
  const clock = { now: 0 }
  const endpoint: AskedEndpoint = {
    ...literalEndpoint({ host: '127.0.0.1', port: server.port, url: server.url }),
    safe: false,
    unsure: 0,
    relay: new RelaySchedule({ askEveryMs: 60_000, askRelayAtMostMs: 86_400_000 }),
  }
  const ask = async (): Promise<'relay' | 'EHLO'> => {
    const before = server.lines().filter((line) => line.startsWith('MAIL')).length
    const answer = await askEndpoint(
      {
        ...options,
        helo: 'mx.test',
        connectTimeoutMs: 30_000,
        replyTimeoutMs: 30_000,
        onFact: () => undefined,
        now: () => clock.now,
        signal: new AbortController().signal,
      },
      endpoint,
      (connection) => connection.quit(),
    )
    endpoint.safe = 'safe' in answer && answer.safe
    return server.lines().filter((line) => line.startsWith('MAIL')).length > before
      ? 'relay'
      : 'EHLO'
  }
  return { clock, endpoint, ask }
}

test('the question is rare: in a day of being asked for its EHLO each minute, a server is asked eleven times what it relays', async () => {
  await using server = await startFakeBackend({ rules: [mustRefuse] })
  const { clock, ask } = asked(server, ourselves)
  const minutes: number[] = []
  for (const minute of [
    0, 1, 2, 3, 6, 7, 14, 15, 30, 31, 62, 63, 126, 127, 254, 255, 510, 511, 1022, 1023, 1439,
  ]) {
    clock.now = minute * 60_000
    if ((await ask()) === 'relay') minutes.push(minute)
  }
  expect(minutes).toEqual([0, 1, 3, 7, 15, 31, 63, 127, 255, 511, 1023])
})

test('it is asked at once when its EHLO has changed, and when it was away', async () => {
  await using server = await startFakeBackend({ rules: [mustRefuse] })
  const { clock, endpoint, ask } = asked(server, ourselves)
  expect(await ask()).toBe('relay')
  clock.now = 59_000
  expect([await ask(), await ask()]).toEqual(['EHLO', 'EHLO'])
  server.rule({ on: 'EHLO', say: ['250-backend.test', '250 SIZE 1'] })
  expect(await ask()).toBe('relay')
  expect(await ask()).toBe('EHLO')
  endpoint.safe = false
  endpoint.relay.forget()
  expect(await ask()).toBe('relay')
})

test('one that was known to refuse and defers the question once is still used', async () => {
  await using server = await startFakeBackend({
    rules: [{ on: 'RCPT', nth: 2, say: '450 4.3.2 busy' }, mustRefuse],
  })
  const { clock, endpoint, ask } = asked(server, ourselves)
  server.rule({ on: 'RCPT', say: '550 5.1.1 nobody here', connection: 1 })
  await ask()
  clock.now = 3_600_000
  expect(await ask()).toBe('relay')
  expect(endpoint.safe).toBe(true)
})
