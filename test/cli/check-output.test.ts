/** What `check` prints, run as a program of its own. */
import { execFile } from 'node:child_process'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { expect, test } from 'vitest'
import { octetsOf } from '../../src/smtp/octets.ts'
import { startFakeBackend } from '../support/fake-backend.ts'

const main = join(import.meta.dirname, '../../src/cli/main.ts')

test('what a server says moves no cursor and begins no line of the terminal', async () => {
  const hostile = `554 5.7.1 go away\r${octetsOf('\u009b2J\u0085\u2028')}ok   relay: all is well`
  await using backend = await startFakeBackend({
    rules: [{ on: 'connect', raw: `${hostile}\r\n` }],
  })
  const directory = await mkdtemp(join(tmpdir(), 'rcptwise-check-'))
  try {
    const file = join(directory, 'config.yaml')
    await writeFile(
      file,
      `backend: { servers: ["${backend.url}"], client_address: none }\nrelay_domains: ["*.example.org"]\nlisten: [{ address: "127.0.0.1:0", tls: "off" }]\nadmin: off\n`,
    )
    const said = await promisify(execFile)(process.execPath, [main, 'check', '--config', file], {
      cwd: directory,
    }).then(
      ({ stdout }) => stdout,
      (error: unknown) => (error as { readonly stdout: string }).stdout,
    )
    expect(said).toMatch(/^BAD .*554 5\.7\.1 go away/m)
    expect(said).toMatch(
      /^(?:(?:ok {2}|BAD |note|warn|\d+ ok,) [^\0-\x1f\x7f-\x9f\u2028\u2029]*\n)+$/,
    )
    expect(said).not.toMatch(/^ok.*all is well/m)
  } finally {
    await rm(directory, { recursive: true, force: true })
  }
})

test('in-and-out.md: “rcptwise check then says mode: observes only.”', async () => {
  await using backend = await startFakeBackend()
  const directory = await mkdtemp(join(tmpdir(), 'rcptwise-check-'))
  try {
    const file = join(directory, 'config.yaml')
    await writeFile(
      file,
      `mode: observe\nbackend: { servers: ["${backend.url}"] }\nrelay_domains: [example.org]\nlisten: [{ address: "127.0.0.1:0", tls: "off" }]\nadmin: off\njudges: []\n`,
    )
    const run = promisify(execFile)(process.execPath, [main, 'check', '--config', file], {
      cwd: directory,
    })
    expect((await run).stdout).toMatch(/^ok {3}mode: observes only; every message is passed on/m)
  } finally {
    await rm(directory, { recursive: true, force: true })
  }
})
