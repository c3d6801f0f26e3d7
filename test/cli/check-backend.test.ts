/** `rcptwise check` shows every server and address with its EHLO, and what is wrong with which. */
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { checkBackend } from '../../src/cli/check-backend.ts'
import { loadConfig } from '../../src/config/load.ts'
import { describeProblem } from '../../src/config/problem.ts'
import { startFakeBackend } from '../support/fake-backend.ts'

async function checked(backend: string) {
  const directory = await mkdtemp(join(tmpdir(), 'rcptwise-check-'))
  try {
    const file = join(directory, 'config.yaml')
    await writeFile(file, `relay_domains: [example.org]\nbackend: ${backend}\n`)
    const loaded = loadConfig(file)
    if (!loaded.ok) throw new Error(loaded.problems.map(describeProblem).join('\n'))
    return (await checkBackend(loaded.config)).findings.map(
      ({ level, what, text }) => `${level === 'bad' ? 'BAD' : 'ok '} ${what}: ${text}`,
    )
  } finally {
    await rm(directory, { recursive: true, force: true })
  }
}

test('README.md: “It asks the backend for its EHLO reply” One server', async () => {
  await using server = await startFakeBackend({ offers: ['PIPELINING', 'SIZE 1000'] })
  expect(await checked(`{ servers: ["${server.url}"] }`)).toEqual([
    `ok  backend: ${server.url} answers and offers PIPELINING SIZE HELP`,
  ])
})

test('several: each with its own, and what clients are offered', async () => {
  await using one = await startFakeBackend({ offers: ['PIPELINING', 'DSN'] })
  await using down = await startFakeBackend({
    rules: [{ on: 'connect', say: '554 5.3.2 no', then: 'close' }],
  })
  await using slow = await startFakeBackend({ offers: ['PIPELINING'] })
  const servers = `["${one.url}", "${down.url}", { url: "${slow.url}", priority: 10 }]`
  expect(await checked(`{ servers: ${servers} }`)).toEqual([
    `ok  backend: ${one.url} answers and offers PIPELINING DSN HELP`,
    `BAD backend: ${down.url}: greeting: 554 5.3.2 no; is it running, and does it listen there (backend.servers)?`,
    `ok  backend: ${slow.url} (priority 10) answers and offers PIPELINING HELP`,
    'ok  extensions: clients are offered what all servers of the best priority offer: PIPELINING DSN HELP',
  ])
})

test('a name stands for its addresses', async () => {
  await using server = await startFakeBackend()
  const said = await checked(`{ servers: ["smtp://localhost:${server.port}"] }`)
  expect(said).toContainEqual(
    expect.stringMatching(`^ok  backend: .* at 127\\.0\\.0\\.1:${server.port} answers`),
  )
})
