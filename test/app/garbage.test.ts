/**
 * What is left of a session when it has ended is collected with the young generation (decision 18).
 * What waits for a full collection instead is copied first, and makes pauses of 10 ms of what are
 * pauses of 1 ms. Node has its streams wait, but nothing of ours behind them does.
 */
import { fork } from 'node:child_process'
import { once } from 'node:events'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { expect, test } from 'vitest'
import { startFakeBackend } from '../support/fake-backend.ts'
import { open } from '../support/session.ts'

/**
 * As it is: 2,100 octets, nearly all of them Node's. With listeners left at the socket, or a Set of
 * transactions, 6,500 and more.
 */
const mostOctets = 4000
const sessions = 400

async function session(port: number): Promise<void> {
  const client = await open(port)
  await client.ask('MAIL FROM:<a@client.test>')
  await client.ask('RCPT TO:<b@example.org>')
  await client.ask('DATA')
  expect(await client.ask('Subject: hello\r\n\r\nhello\r\n.')).toMatch(/^250/)
  await client.ask('QUIT')
  client.close()
}

test('nothing of a session that has ended waits for a full collection', async () => {
  await using backend = await startFakeBackend()
  const directory = await mkdtemp(path.join(tmpdir(), 'rcptwise-garbage-'))
  const file = path.join(directory, 'config.yaml')
  await writeFile(
    file,
    `hostname: mx.test
listen: 127.0.0.1:0
admin: off
data_directory: ${directory}
backend: { servers: ["${backend.url}"] }
relay_domains: [example.org]
timeouts: { shutdown: 100ms }
`,
  )
  const child = fork(path.join(import.meta.dirname, 'children', 'young.ts'), [file], {
    execArgv: ['--expose-gc'],
    stdio: ['ignore', 'ignore', 'inherit', 'ipc'],
  })
  try {
    const [port] = (await once(child, 'message')) as [number]
    const used = async (collected: 'minor' | 'major'): Promise<number> => {
      const told = once(child, 'message')
      child.send(collected)
      return ((await told) as [number])[0]
    }
    const crowd = async (count: number): Promise<void> => {
      const each = async (): Promise<void> => {
        for (let i = 0; i < count / 10; i++) await session(port)
      }
      await Promise.all(Array.from({ length: 10 }, each))
    }
    // Compiled code and what is kept for good is there before anything counts.
    await crowd(sessions * 2)
    await used('major')
    const before = await used('minor')
    await crowd(sessions)
    const after = await used('minor')
    console.log('OCTETS', (after - before) / sessions, ((await used('major')) - before) / sessions)
    expect((after - before) / sessions).toBeLessThan(mostOctets)
  } finally {
    child.kill()
    await once(child, 'exit')
    await rm(directory, { recursive: true, force: true })
  }
}, 60_000)
