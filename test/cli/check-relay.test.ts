/**
 * `rcptwise check` says what keeps this from being an open relay, and never `ok` where nothing
 * does.
 */
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { checkBackend } from '../../src/cli/check-backend.ts'
import { checkRelay } from '../../src/cli/check-relay.ts'
import { loadConfig } from '../../src/config/load.ts'
import { describeProblem } from '../../src/config/problem.ts'
import { type Rule, startFakeBackend } from '../support/fake-backend.ts'

async function checked(
  backend: string,
  relayDomains = 'relay_domains: [example.org]\n',
): Promise<string[]> {
  const directory = await mkdtemp(join(tmpdir(), 'rcptwise-check-'))
  try {
    const file = join(directory, 'config.yaml')
    await writeFile(file, `${relayDomains}backend: { ${backend} }\n`)
    const loaded = loadConfig(file)
    if (!loaded.ok) throw new Error(loaded.problems.map(describeProblem).join('\n'))
    const { findings, servers } = await checkBackend(loaded.config)
    const all = [...findings, ...(await checkRelay(loaded.config, servers))]
    return all.map(({ level, what, text }) => `${level === 'bad' ? 'BAD' : 'ok '} ${what}: ${text}`)
  } finally {
    await rm(directory, { recursive: true, force: true })
  }
}

const offers = ['PIPELINING', 'XCLIENT NAME ADDR PORT PROTO HELO']
const reset: Rule = { on: 'other', having: 'XCLIENT', say: '220 backend.test again' }
const refuses: Rule = { on: 'RCPT', say: '554 5.7.1 no' }
const takesRoute: Rule = { on: 'RCPT', having: '%', say: '250 2.1.5 Ok' }

test('a server that relays for strangers is an open relay in every line about it, README.md: “tests whether the backend would relay for a stranger.”', async () => {
  await using server = await startFakeBackend({ offers, rules: [reset] })
  const said = await checked(`servers: ["${server.url}"], client_address: xclient`, '')
  expect(said).toEqual([
    expect.stringMatching(
      /^BAD backend: .*: it would relay mail from a stranger \(192\.0\.2\.1\) to example\.net, so everyone/,
    ),
    `BAD relay: ${server.url} is an open relay; \`serve\` will not start with it`,
  ])
})

test('one of two', async () => {
  await using relay = await startFakeBackend({ offers, rules: [reset] })
  await using safe = await startFakeBackend({ offers, rules: [reset, refuses] })
  const said = await checked(
    `servers: ["${relay.url}", "${safe.url}"], client_address: xclient`,
    '',
  )
  expect(said.filter((line) => line.includes('relay:'))).toEqual([
    `BAD relay: ${relay.url} is an open relay; it gets no mail, the others do`,
  ])
})

test('a server that follows a route for a stranger, with relay_domains', async () => {
  await using server = await startFakeBackend({ offers, rules: [takesRoute, reset, refuses] })
  const said = await checked(`servers: ["${server.url}"], client_address: xclient`)
  expect(said[0]).toMatch(
    /^BAD backend: .* for relay-probe%example\.net@example\.org to example\.net, so everyone/,
  )
  expect(said[1]).toMatch(/^BAD relay: /)
})

test('a server that refuses strangers', async () => {
  await using server = await startFakeBackend({ offers, rules: [reset, refuses] })
  expect((await checked(`servers: ["${server.url}"], client_address: xclient`, ''))[1]).toBe(
    'ok  relay: every domain is accepted; the backend is told who the client is and decides: asked as a stranger, it refused to relay',
  )
})

test('a server that nobody could ask', async () => {
  await using server = await startFakeBackend({
    rules: [{ on: 'connect', say: '554 5.3.2 no', then: 'close' }],
  })
  expect((await checked(`servers: ["${server.url}"], client_address: xclient`, ''))[1]).toBe(
    'BAD relay: not known, since no server could be asked what it relays',
  )
})

test('a server that is not told the client: routes are refused here, and the line says whether it would follow them', async () => {
  await using strict = await startFakeBackend({ rules: [refuses] })
  await using follows = await startFakeBackend({ rules: [takesRoute, refuses] })
  const refused =
    'ok  relay: only mail for example.org is accepted, and no recipient with a route in the local part (user%elsewhere@ours)'
  expect((await checked(`servers: ["${strict.url}"]`)).slice(1)).toEqual([refused])
  expect((await checked(`servers: ["${follows.url}"]`)).slice(1)).toEqual([
    refused,
    `ok  relay: ${follows.url} follows such routes, and they are refused in front of it`,
  ])
})

test('follows_routes: false is not believed of a server that follows them', async () => {
  await using strict = await startFakeBackend({ rules: [refuses] })
  await using follows = await startFakeBackend({ rules: [takesRoute, refuses] })
  expect((await checked(`servers: ["${strict.url}"], follows_routes: false`))[1]).toBe(
    'ok  relay: only mail for example.org is accepted; asked for recipients with a route, the backend did not follow them, as backend.follows_routes says',
  )
  expect((await checked(`servers: ["${follows.url}"], follows_routes: false`))[1]).toBe(
    `BAD relay: ${follows.url} is an open relay; \`serve\` will not start with it`,
  )
})

test('a sink', async () => {
  expect((await checked('servers: ["sink:mail"]', ''))[1]).toBe(
    'ok  relay: every domain is accepted; the sink delivers here and relays nothing',
  )
})
