/**
 * What changes while two workers take mail: certificates, the file of recipients; and what sessions
 * of TLS know of workers: nothing.
 */
import { once } from 'node:events'
import { mkdir, rename, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import type { ConnectionOptions, TLSSocket } from 'node:tls'
import { describe, expect, test } from 'vitest'
import { makeSelfSigned } from '../../../src/tls/self-signed.ts'
import { Home, type Served } from '../../crash/serve.ts'
import type { Client } from '../../support/dialogue.ts'
import { startFakeBackend } from '../../support/fake-backend.ts'
import { until } from '../../support/lab/until.ts'
import { type SecuredClient, startTls } from '../../tls/secured-client.ts'
import { pidsOf, sendOn, sessions, sessionsOfAll, sum, transactions } from './clients.ts'

const workers = 2

const names = (socket: TLSSocket): string => socket.getPeerX509Certificate()?.subjectAltName ?? ''

/** The pair in the files that the configuration names; both change in one step. */
async function writePair(home: Home, host: string): Promise<void> {
  const { cert, key } = await makeSelfSigned(host, Date.now())
  for (const [file, text] of Object.entries({ 'mx.pem': cert, 'mx.key': key })) {
    await writeFile(join(home.directory, 'tls', `${file}.new`), text)
    await rename(join(home.directory, 'tls', `${file}.new`), join(home.directory, 'tls', file))
  }
}

/** As many at once as both workers need to have some. */
async function secured(
  served: Served,
  options: ConnectionOptions = {},
): Promise<readonly SecuredClient[]> {
  return await Promise.all(
    Array.from({ length: 8 }, async () => await startTls(served.listeningPort, options)),
  )
}

describe.each(['TLSv1.2', 'TLSv1.3'] as const)('%s', (maxVersion) => {
  test(
    'a session of one worker is resumed by the other; new certificates are in both at once, and who is there goes on',
    { timeout: 90_000 },
    async () => {
      await using backend = await startFakeBackend()
      await using home = await Home.make()
      await mkdir(join(home.directory, 'tls'))
      await writePair(home, 'old.test')
      const config = 'tls: { certificates: [{ cert: tls/mx.pem, key: tls/mx.key }] }'
      const served = await home.serve({ backendUrl: backend.url, workers, config })

      const first = await startTls(served.listeningPort, { maxVersion })
      const told =
        maxVersion === 'TLSv1.3' ? (once(first.socket, 'session') as Promise<[Buffer]>) : undefined
      await first.ask('NOOP')
      const session = told === undefined ? first.socket.getSession() : (await told)[0]
      if (session === undefined) throw new Error('no session was given')
      const resumed = await until(
        'both workers have resumed it',
        async () => {
          const clients = await secured(served, { maxVersion, session })
          for (const { socket } of clients) expect(socket.isSessionReused()).toBe(true)
          for (const client of clients) {
            await client.ask('EHLO client.test')
            expect(await sendOn(client, 'a@example.org')).toMatch(/^250 /)
          }
          if (pidsOf(transactions(served)).size === workers) return clients
          for (const client of clients) client.close()
          return undefined
        },
        { explain: () => served.output },
      )

      await writePair(home, 'new.test')
      await until(
        'both serve with the new one',
        async () => {
          const clients = await secured(served, { maxVersion })
          const all = clients.map(({ socket }) => names(socket))
          for (const client of clients) client.close()
          return all.every((name) => name.includes('new.test'))
        },
        { explain: () => served.output },
      )
      const late = await secured(served, { maxVersion, session })
      expect(late.map(({ socket }) => [socket.isSessionReused(), names(socket)])).toEqual(
        late.map(() => [false, expect.stringContaining('DNS:new.test') as string]),
      )
      for (const client of [first, ...resumed]) {
        expect(await client.ask('EHLO client.test')).toContain('250 ')
        expect(await sendOn(client, 'a@example.org')).toMatch(/^250 /)
      }
      for (const client of [first, ...resumed, ...late]) client.close()
    },
  )
})

/**
 * Whether the second of two recipients is deferred, in each session; each from another sender, so
 * that none is a retry.
 */
const deferredOf = async (clients: readonly Client[]): Promise<readonly boolean[]> =>
  await Promise.all(
    clients.map(async (client) => {
      await client.ask(`MAIL FROM:<${crypto.randomUUID()}@x.test>`)
      await client.ask('RCPT TO:<a@example.org>')
      const second = await client.ask('RCPT TO:<b@example.org>')
      await client.ask('RSET')
      return second.startsWith('451')
    }),
  )

test(
  'the file of recipients: in force in both; a mistake is told once, and the old one stays',
  { timeout: 90_000 },
  async () => {
    await using backend = await startFakeBackend()
    await using home = await Home.make()
    const served = await home.serve({
      backendUrl: backend.url,
      workers,
      recipients: 'a@example.org: strict\n',
    })
    const write = async (text: string): Promise<void> => {
      await writeFile(join(home.directory, 'recipients.new'), text)
      await rename(join(home.directory, 'recipients.new'), join(home.directory, 'recipients.yaml'))
    }
    const clients = await sessionsOfAll(served, { workers, count: 8 })
    const deferred = async (): Promise<readonly boolean[]> => await deferredOf(clients)
    expect(await deferred()).not.toContain(false)
    await write('a@example.org: strict\nb@example.org: strict\n')
    await until('they are one group in both', async () => !(await deferred()).includes(true), {
      explain: () => served.output,
    })
    await write('a@example.org: no-such-policy\n')
    await until('it is told', () => served.events('policiesKept').length > 0, {
      explain: () => served.output,
    })
    expect(await deferred()).not.toContain(true)
    for (const client of clients) expect(await sendOn(client, 'b@example.org')).toMatch(/^250 /)
    expect(pidsOf(transactions(served)).size).toBe(workers)
    for (const client of clients) client.close()
    await write('a@example.org: strict\n')
    const anew = await sessions(served, 8)
    await until('they are two again', async () => !(await deferredOf(anew)).includes(false))
    for (const client of anew) client.close()
    expect(served.events('policiesKept')).toHaveLength(1)
  },
)

test(
  'limits.md: “With several workers the limits on sessions, rates, reports, memory and disk hold for all of them together.”',
  { timeout: 90_000 },
  async () => {
    await using backend = await startFakeBackend()
    await using home = await Home.make()
    const rate = 30
    const config = `limits: { messages_per_minute: ${rate} }\ntrusted: []`
    const served = await home.serve({ backendUrl: backend.url, workers, config })
    const clients = await sessions(served, 8)
    const [first, ...others] = clients
    if (first === undefined) throw new Error('no session')
    const offer = async (client: Client): Promise<string> => {
      const said = await client.ask('MAIL FROM:<s@x.test>')
      if (said.startsWith('250')) await client.ask('RSET')
      return said.slice(0, 9)
    }
    for (let i = 0; i < rate; i++) expect(await offer(first)).toBe('250 2.1.0')
    // Sessions of the other worker are among these: it would let as many through once more.
    let more = 0
    await until('nobody gets through', async () => {
      const said = await Promise.all(others.map(offer))
      more += said.filter((reply) => reply === '250 2.1.0').length
      return said.every((reply) => reply === '451 4.7.1')
    })
    expect(more).toBeLessThan(rate)
    expect(await sum(served, 'limit_hits_total', 'messages_per_minute')).toBeGreaterThan(0)
    for (const client of clients) client.close()
    await until('the last was noticed', async () => (await sum(served, 'sessions_open')) === 0)
  },
)
