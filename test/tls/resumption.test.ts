/**
 * Sessions that are resumed (RFC 8446 2.2, RFC 5077), with several certificates and when they
 * change.
 */
import { once } from 'node:events'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { TLSSocket } from 'node:tls'
import { describe, expect, test } from 'vitest'
import { makeSelfSigned } from '../../src/tls/self-signed.ts'
import { startTestApp } from '../support/app.ts'
import { until } from '../support/lab/until.ts'
import { startTls } from './secured-client.ts'

const names = (socket: TLSSocket): string => socket.getPeerX509Certificate()?.subjectAltName ?? ''

async function twoCertificates(): Promise<{ directory: string; config: string } & AsyncDisposable> {
  const directory = await mkdtemp(join(tmpdir(), 'rcptwise-tls-'))
  const pairs: string[] = []
  for (const host of ['a.test', 'b.test']) {
    await write(directory, host, host)
    pairs.push(`{ cert: ${directory}/${host}.pem, key: ${directory}/${host}.key }`)
  }
  return {
    directory,
    config: `tls: { certificates: [${pairs.join(', ')}] }`,
    async [Symbol.asyncDispose]() {
      await rm(directory, { recursive: true })
    },
  }
}

async function write(directory: string, file: string, host: string): Promise<void> {
  const { cert, key } = await makeSelfSigned(host, Date.now())
  await writeFile(join(directory, `${file}.pem`), cert)
  await writeFile(join(directory, `${file}.key`), key)
}

/** A session of one connection; TLS 1.3 gives it after the handshake. */
async function sessionWith(
  port: number,
  servername: string,
  maxVersion: 'TLSv1.2' | 'TLSv1.3',
): Promise<Buffer> {
  const client = await startTls(port, { servername, maxVersion })
  const told =
    maxVersion === 'TLSv1.3' ? (once(client.socket, 'session') as Promise<[Buffer]>) : undefined
  await client.ask('NOOP')
  const session = told === undefined ? client.socket.getSession() : (await told)[0]
  client.close()
  if (session === undefined) throw new Error('the server gave no session')
  return session
}

describe.each(['TLSv1.2', 'TLSv1.3'] as const)('%s', (maxVersion) => {
  test('each name’s sessions are resumed for that name', async () => {
    await using files = await twoCertificates()
    await using app = await startTestApp({ config: files.config })
    for (const servername of ['a.test', 'b.test']) {
      const session = await sessionWith(app.port, servername, maxVersion)
      const client = await startTls(app.port, { servername, maxVersion, session })
      expect(client.socket.isSessionReused()).toBe(true)
      expect(await client.ask('EHLO client.test')).toContain('250 ')
      client.close()
    }
  })

  test('a session from before a change of certificates leads to a whole handshake with the new one', async () => {
    await using files = await twoCertificates()
    await using app = await startTestApp({ config: files.config })
    const session = await sessionWith(app.port, 'a.test', maxVersion)
    const running = await startTls(app.port, { servername: 'a.test', maxVersion })
    await write(files.directory, 'a.test', 'new.test')
    await until(
      'the new pair is used',
      () => app.facts.filter(({ kind }) => kind === 'certificateLoaded').length === 3,
    )
    const client = await startTls(app.port, { servername: 'a.test', maxVersion, session })
    expect(client.socket.isSessionReused()).toBe(false)
    expect(names(client.socket)).toContain('new.test')
    client.close()
    expect(await running.ask('EHLO client.test')).toContain('250 ')
    running.close()
  })
})
