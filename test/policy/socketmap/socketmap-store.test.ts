/** A socketmap server as a source: what it is asked, what it may say, and its bad days. */
import { mkdtempSync, rmSync } from 'node:fs'
import type { Socket } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, describe, expect, test } from 'vitest'
import { aliasesRead, keyedSource, policiesRead } from '../../../src/policy/keyed/keyed-source.ts'
import type { PolicySource } from '../../../src/policy/policy-source.ts'
import { netstring, NetstringReader } from '../../../src/policy/socketmap/netstring.ts'
import {
  type SocketmapSettings,
  socketmapStore,
} from '../../../src/policy/socketmap/socketmap-store.ts'
import { nameOfRaw } from '../breakable.ts'
import { describePolicySource } from '../source.contract.ts'
import { socketmapServer, type SocketmapServer } from './socketmap-server.ts'

const listening = new AbortController().signal
let closing = new AsyncDisposableStack()
afterEach(async () => {
  await closing.disposeAsync()
  closing = new AsyncDisposableStack()
})

const settingsOf = (
  { server }: SocketmapServer,
  change: Partial<SocketmapSettings> = {},
): SocketmapSettings => ({ server, map: 'policies', connections: 2, ...change })

function sourceOf(server: SocketmapServer, change: Partial<SocketmapSettings> = {}): PolicySource {
  const source = keyedSource(socketmapStore(settingsOf(server, change), policiesRead), policiesRead)
  closing.defer(async () => await source.close())
  return source
}

const policies = {
  'ann@example.org': 'strict',
  '@example.org': '{ tag_at: 5, reject_at: 9 }',
  'odd@example.org': '{ tag_at: }',
}
const serve = async (path?: string): Promise<SocketmapServer> =>
  closing.use(
    await socketmapServer(
      { policies, aliases: { 'info@example.org': 'a@b.example, c@d.example' } },
      path === undefined ? {} : { socketPath: path },
    ),
  )
const ask = async (source: PolicySource, ...recipients: readonly string[]) =>
  await source.policiesFor(recipients, listening)

describePolicySource('a socketmap server', {
  async open(entries) {
    const server = await socketmapServer({ policies: entries })
    const source = keyedSource(socketmapStore(settingsOf(server), policiesRead), policiesRead)
    return {
      source,
      breakIt: async () => await server[Symbol.asyncDispose](),
      end: async () => {
        await source.close()
        await server[Symbol.asyncDispose]()
      },
    }
  },
  nameOf: nameOfRaw,
})

test('names, values, and what is neither', async () => {
  const source = sourceOf(await serve())
  expect(await ask(source, 'Ann+x@example.org', 'bob@example.org', 'odd@example.org')).toEqual([
    { kind: 'named', name: 'strict' },
    { kind: 'values', tagAt: 5, rejectAt: 9 },
    { kind: 'named', name: '{ tag_at: }' },
  ])
})

test('mailboxes, over a Unix socket', async () => {
  const directory = mkdtempSync(join(tmpdir(), 'rcptwise-socketmap-'))
  closing.defer(() => rmSync(directory, { recursive: true }))
  const server = await serve(join(directory, 'socket'))
  const store = socketmapStore(settingsOf(server, { map: 'aliases' }), aliasesRead)
  const source = keyedSource(store, aliasesRead)
  closing.defer(async () => await source.close())
  expect(source.name).toBe(`socketmap:aliases@${join(directory, 'socket')}`)
  expect(await source.policiesFor(['info@example.org'], listening)).toEqual([
    { kind: 'alias', key: 'info@example.org', to: ['a@b.example', 'c@d.example'] },
  ])
})

test('each key is asked for once, over no more than `connections` connections', async () => {
  const server = await serve()
  const source = sourceOf(server)
  const many = Array.from({ length: 200 }, (_, i) => `u${i % 100}@example.net`)
  await Promise.all([ask(source, ...many), ask(source, ...many), ask(source, 'ann@example.org')])
  expect(server.connections()).toBe(2)
  expect(server.requests.length).toBe(2 * 101 + 2)
})

test('a kept connection that the server has closed costs nothing', async () => {
  const server = await serve()
  const source = sourceOf(server)
  for (let i = 0; i < 20; i++) {
    expect(await ask(source, 'ann@example.org')).toMatchObject([{ kind: 'named' }])
    server.dropAll()
  }
})

describe('on a bad day it has failed, and the next question is answered', () => {
  const saying =
    (octets: string) =>
    (socket: Socket): void =>
      void socket.write(octets)
  test.each<[string, (socket: Socket) => void, RegExp]>([
    ['later', saying('10:TEMP later,'), /^it answers "TEMP later"$/],
    ['too late', saying('12:TIMEOUT late,'), /TIMEOUT late/],
    ['never', saying('7:PERM no,'), /PERM no/],
    ['another word', saying('3:YES,'), /^it answers "YES"$/],
    ['nothing', saying('0:,'), /^it answers ""$/],
    ['no netstring', saying('220 mx.example.org ESMTP\r\n'), /does not speak netstrings/],
    ['no comma', saying('9:NOTFOUND ;'), /no comma/],
    ['too much', saying('100001:OK '), /more than 100000 octets/],
    ['a length of many digits', saying('9'.repeat(1000)), /does not speak netstrings/],
    ['an end', (socket) => void socket.destroy(), /closed the connection|ECONNRESET/],
  ])('%s', async (_, instead, why) => {
    const server = await serve()
    const source = sourceOf(server)
    server.instead = instead
    expect(await ask(source, 'ann@example.org')).toMatchObject([
      { kind: 'failed', why: expect.stringMatching(why) as string },
    ])
    server.instead = undefined
    expect(await ask(source, 'ann@example.org')).toMatchObject([{ kind: 'named' }])
  })

  test('one that says nothing ends when nobody waits any more, and the others get their turn', async () => {
    const server = await serve()
    const source = sourceOf(server, { connections: 1 })
    server.instead = () => undefined
    const waiting = new AbortController()
    const answers = [
      source.policiesFor(['a@example.net'], waiting.signal),
      source.policiesFor(['b@example.net'], waiting.signal),
    ]
    await expect.poll(() => server.requests.length).toBe(1)
    const other = ask(source, 'ann@example.org')
    server.instead = undefined
    waiting.abort()
    for (const answer of answers) expect(await answer).toMatchObject([{ kind: 'failed' }])
    expect(await other).toMatchObject([{ kind: 'named' }])
  })
})

test('what stands in an address stays one request', async () => {
  const odd = [
    `5:x,@example.net`,
    `policies ann@example.org`,
    `quote"@example.net`,
    `back\\slash@example.net`,
    `line\r\nbreak@example.net`,
    `ü💌@example.net`,
    `*(a)%@example.net`,
  ]
  const server = await serve()
  const answers = await ask(sourceOf(server), ...odd, 'ann@example.org')
  expect(answers.slice(-1)).toMatchObject([{ kind: 'named' }])
  for (const address of odd.filter((each) => each.includes('.net')))
    expect(server.requests).toContain(`policies ${address.toLowerCase()}`)
})

test('a netstring is read in whatever pieces it comes', () => {
  for (const text of ['', 'x', 'OK ü', 'y'.repeat(1000)])
    for (const size of [1, 2, 3, 7, 5000]) {
      const reader = new NetstringReader(1000)
      const octets = netstring(text)
      let read: Buffer | undefined
      for (let at = 0; at < octets.length; at += size)
        if (text.length * 2 <= 2000) read = reader.push(octets.subarray(at, at + size))
      expect(read?.toString('utf8')).toBe(text)
    }
})
