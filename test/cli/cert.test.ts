/**
 * The command as a user types it: files, modes, what it says, and that the certificates are taken
 * by a real client.
 */
import { execFile } from 'node:child_process'
import { X509Certificate } from 'node:crypto'
import { mkdtemp, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { loadConfig } from '../../src/config/load.ts'
import { loadCertificates } from '../../src/tls/certificates.ts'
import { handshake } from '../tls/handshake.ts'

let directory: string
beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'rcptwise-cert-'))
})
afterEach(async () => {
  await rm(directory, { recursive: true })
})

interface Ran {
  readonly code: number
  readonly stdout: string
  readonly stderr: string
}

const main = join(import.meta.dirname, '../../src/cli/main.ts')
async function cert(...args: readonly string[]): Promise<Ran> {
  return await new Promise((resolve) => {
    execFile(
      process.execPath,
      [main, 'cert', ...args],
      { cwd: directory },
      (error, stdout, stderr) =>
        resolve({ code: typeof error?.code === 'number' ? error.code : 0, stdout, stderr }),
    )
  })
}
const read = async (name: string): Promise<string> => await readFile(join(directory, name), 'utf8')
const mode = async (name: string): Promise<number> =>
  (await stat(join(directory, name))).mode & 0o777

describe('rcptwise cert', () => {
  test('an authority and a server’s certificate: a client that trusts the one is content with the other', async () => {
    expect(await cert('ca', '--out', 'ca')).toMatchObject({ code: 0, stderr: '' })
    const made = await cert(
      'server',
      'mx1.example.org',
      '*.example.net',
      '127.0.0.1',
      '--ca',
      'ca',
      '--out',
      'out',
    )
    expect(made).toMatchObject({ code: 0, stderr: '' })
    expect((await readdir(join(directory, 'ca'))).toSorted()).toEqual(['ca.key', 'ca.pem'])
    expect((await readdir(join(directory, 'out'))).toSorted()).toEqual([
      'mx1.example.org.key',
      'mx1.example.org.pem',
    ])
    expect(
      await Promise.all(['ca/ca.key', 'out/mx1.example.org.key', 'ca', 'out'].map(mode)),
    ).toEqual([0o600, 0o600, 0o700, 0o700])

    const [authority, server] = [
      new X509Certificate(await read('ca/ca.pem')),
      new X509Certificate(await read('out/mx1.example.org.pem')),
    ]
    expect(authority.ca).toBe(true)
    expect(server.ca).toBe(false)
    expect(server.checkIssued(authority) && server.verify(authority.publicKey)).toBe(true)
    expect(server.subjectAltName).toBe(
      'DNS:mx1.example.org, DNS:*.example.net, IP Address:127.0.0.1',
    )
    expect(made.stdout).toContain(server.fingerprint256.replaceAll(':', '').toLowerCase())

    const pair = {
      cert: join(directory, 'out/mx1.example.org.pem'),
      key: join(directory, 'out/mx1.example.org.key'),
    }
    const certificates = await loadCertificates({
      hostname: 'x',
      pairs: [pair],
      dataDirectory: directory,
    })
    const ca = await read('ca/ca.pem')
    for (const servername of ['mx1.example.org', 'any.example.net'])
      expect(await handshake(certificates, { servername, ca })).toMatchObject({ authorized: true })
    expect(await handshake(certificates, { servername: 'other.example', ca })).toMatchObject({
      authorized: false,
    })
  }, 60_000)

  test('the lines of configuration that it prints are good ones', async () => {
    await cert('ca')
    const { stdout } = await cert('server', 'mx1.example.org')
    const lines = stdout.split('\n').filter((line) => line.startsWith('  '))
    expect(lines).toHaveLength(2)
    await writeFile(
      join(directory, 'config.yaml'),
      `${lines.map((line) => line.trim()).join('\n')}\n`,
    )
    expect(loadConfig(join(directory, 'config.yaml'))).toMatchObject({ ok: true })
  }, 60_000)

  test('nothing is replaced unless --force says so', async () => {
    await cert('ca')
    const before = await read('rcptwise-ca/ca.pem')
    expect(await cert('ca')).toEqual({
      code: 1,
      stdout: '',
      stderr: 'error: rcptwise-ca/ca.pem is there already; --force replaces it\n',
    })
    expect(await read('rcptwise-ca/ca.pem')).toBe(before)
    await rm(join(directory, 'rcptwise-ca/ca.pem'))
    expect((await cert('ca')).stderr).toContain('rcptwise-ca/ca.key is there already')
    expect(await cert('ca', '--force')).toMatchObject({ code: 0 })
    expect(await read('rcptwise-ca/ca.pem')).not.toBe(before)
  }, 60_000)

  test.each([
    [
      ['server', 'mx1.example.org'],
      1,
      "error: rcptwise-ca/ca.pem can't be read (ENOENT); make the authority first: rcptwise cert ca --out rcptwise-ca\n",
    ],
    [
      ['server', '../evil'],
      2,
      'error: ../evil: expected a host name, "*." and a domain, or an address\n',
    ],
    [['ca', '--name', 'Zürich'], 2, 'error: --name: expected 1 to 64 characters of ASCII\n'],
  ])('%j is refused, and nothing is written', async (args, code, stderr) => {
    expect(await cert(...args)).toEqual({ code, stdout: '', stderr })
    expect(await readdir(directory)).toEqual([])
  })

  test('days are whole ones', async () => {
    expect(await cert('ca', '--days', '1.5')).toMatchObject({ code: 2 })
    expect(await readdir(directory)).toEqual([])
  })
})
