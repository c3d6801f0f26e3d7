/** `rcptwise check` tells whether reports of refusals would get anywhere. */
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { checkBounces } from '../../src/cli/check-bounces.ts'
import { loadConfig } from '../../src/config/load.ts'
import { describeProblem } from '../../src/config/problem.ts'
import { startFakeBackend } from '../support/fake-backend.ts'

async function checked(url: string, strategy = 'bounce') {
  const directory = await mkdtemp(join(tmpdir(), 'rcptwise-check-'))
  try {
    const file = join(directory, 'config.yaml')
    const backend = `backend: { servers: ["${url}"] }`
    await writeFile(
      file,
      `relay_domains: [example.org]\n${backend}\npeers: [{ name: default, strategy: ${strategy} }]\n`,
    )
    const loaded = loadConfig(file)
    if (!loaded.ok) throw new Error(loaded.problems.map(describeProblem).join('\n'))
    return (await checkBounces(loaded.config)).map(
      ({ level, what, text }) => `${level === 'bad' ? 'BAD' : 'ok '} ${what}: ${text}`,
    )
  } finally {
    await rm(directory, { recursive: true, force: true })
  }
}

test('a backend that takes them: asked, and given no text', async () => {
  await using server = await startFakeBackend()
  expect(await checked(server.url)).toEqual([
    'ok  bounces: the backend takes reports from <> to senders in other domains',
  ])
  const lines = server.connections.flatMap((connection) => connection.lines)
  expect(lines).toContain('MAIL FROM:<>')
  expect(lines).toContain('RCPT TO:<report-probe@example.net>')
  expect(lines).not.toContain('DATA')
})

test('one that does not relay for us: what it said, and what to do', async () => {
  await using server = await startFakeBackend({
    rules: [{ on: 'RCPT', say: '554 5.7.1 Relay access denied' }],
  })
  expect(await checked(server.url)).toEqual([
    expect.stringMatching(
      /^BAD bounces: .* 554 5\.7\.1 Relay access denied; .* the address of this host, .*mynetworks/,
    ),
  ])
})

test('one that is away', async () => {
  const server = await startFakeBackend()
  const { url } = server
  await server[Symbol.asyncDispose]()
  expect(await checked(url)).toEqual([expect.stringMatching(/^BAD bounces: .* 451 /)])
})

test('no class has the strategy: nothing is asked', async () => {
  await using server = await startFakeBackend()
  expect(await checked(server.url, 'late')).toEqual([])
  expect(server.connections).toEqual([])
})
