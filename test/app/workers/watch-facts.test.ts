/** Whoever watches a primary hears what happens in its workers, and costs them nothing else. */
import { ChildProcess } from 'node:child_process'
import { EventEmitter } from 'node:events'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test, vi } from 'vitest'
import type { App } from '../../../src/app.ts'
import type { WatchedFact } from '../../../src/app/watched-facts.ts'
import { startPrimary } from '../../../src/app/workers/primary.ts'
import { parseConfig } from '../../../src/config/load.ts'
import { Client } from '../../support/dialogue.ts'
import { type FakeBackend, startFakeBackend } from '../../support/fake-backend.ts'
import { until } from '../../support/lab/until.ts'
import { startTestApp } from '../../support/app.ts'

let directory = ''
let backend: FakeBackend
let app: App
/** What workers have sent their primary, by kind. */
const sent: string[] = []
/** Processes of workers. */
const started: number[] = []

beforeAll(async () => {
  vi.spyOn(ChildProcess.prototype, 'emit').mockImplementation(function (
    this: ChildProcess,
    event: string | symbol,
    ...told: unknown[]
  ) {
    if (event === 'message') {
      const { kind } = told[0] as { readonly kind: string }
      sent.push(kind)
      if (kind === 'started') started.push(this.pid ?? 0)
    }
    return EventEmitter.prototype.emit.call(this, event, ...told)
  })
  directory = await mkdtemp(join(tmpdir(), 'rcptwise-watch-'))
  backend = await startFakeBackend()
  const loaded = parseConfig(
    `listen: ["127.0.0.1:0"]\nadmin: { listen: "127.0.0.1:0" }\nworkers: 2\nlog: { level: error }\n` +
      `data_directory: ${directory}\nrelay_domains: [example.org]\nbackend: { servers: ["${backend.url}"] }\n`,
    join(directory, 'config.yaml'),
  )
  if (!loaded.ok) throw new Error(loaded.problems.map(({ message }) => message).join('; '))
  app = await startPrimary(loaded.config, { processMetrics: false })
}, 60_000)
afterAll(async () => {
  await app.close()
  await backend.stop()
  vi.restoreAllMocks()
  await rm(directory, { recursive: true, force: true })
})

async function send(port: number): Promise<void> {
  const client = await Client.connect(port)
  await client.reply()
  for (const line of ['EHLO client.test', 'MAIL FROM:<s@x.test>', 'RCPT TO:<a@example.org>'])
    expect(await client.ask(line)).toMatch(/^250/)
  expect(await client.ask('DATA')).toMatch(/^354/)
  client.send('Subject: x\r\n\r\nhello\r\n.\r\n')
  expect((await client.reply()).join()).toMatch(/^250/)
  client.close()
}

async function sendSeveral(): Promise<void> {
  const [address] = app.addresses
  await Promise.all(Array.from({ length: 8 }, async () => await send(address?.port ?? 0)))
}

const messages = (heard: readonly WatchedFact[]): readonly WatchedFact[] =>
  heard.filter(({ fact }) => fact.kind === 'transactionEnded')

test('the facts of messages in both workers are heard, each once, with its worker and its number', async () => {
  const heard: WatchedFact[] = []
  const end = app.watchFacts((watched) => heard.push(watched))
  const before = backend.delivered.length
  await until('both have taken mail', async () => {
    await sendSeveral()
    return new Set(messages(heard).map(({ worker }) => worker)).size === 2
  })
  await until('all are heard', () => messages(heard).length === backend.delivered.length - before)
  for (const worker of [1, 2]) {
    const numbers = heard.filter((each) => each.worker === worker).map(({ sequence }) => sequence)
    expect(numbers).toEqual(numbers.map((_, i) => i + 1))
  }
  end()
})

test('what happens in the primary itself is heard too, without a worker', () => {
  const heard: WatchedFact[] = []
  const end = app.watchFacts((watched) => heard.push(watched))
  app.onFact({ kind: 'configLoaded', at: 1, needRestart: [] })
  end()
  expect(heard.filter(({ worker }) => worker === undefined)).toEqual([
    { fact: { kind: 'configLoaded', at: 1, needRestart: [] }, sequence: 1 },
  ])
})

test('nothing is sent while nobody watches', async () => {
  // What was under way when the last one left.
  await app.scrape()
  sent.length = 0
  const before = backend.delivered.length
  await sendSeveral()
  // Each worker tells its metrics behind whatever else it has to tell.
  await until('both have told what they counted', async () => {
    const text = await app.scrape()
    const counted = /^rcptwise_sessions_total\{.*tls="no".*\} (\d+)$/m.exec(text)?.[1]
    return Number(counted) >= before + 8
  })
  expect(sent).toContain('metrics')
  expect(sent).not.toContain('facts')
})

test(
  'one that takes the place of another worker is watched as well',
  { timeout: 60_000 },
  async () => {
    const heard: WatchedFact[] = []
    const end = app.watchFacts((watched) => heard.push(watched))
    await until('both have taken mail', async () => {
      await sendSeveral()
      return new Set(messages(heard).map(({ worker }) => worker)).size === 2
    })
    const killed = heard.length
    const [pid] = started
    if (pid === undefined) throw new Error('no worker has started')
    process.kill(pid, 'SIGKILL')
    await until('it is lost', () => heard.some(({ fact }) => fact.kind === 'workerLost'))
    await until('both take mail again', async () => {
      await sendSeveral().catch(() => undefined)
      return new Set(messages(heard.slice(killed)).map(({ worker }) => worker)).size === 2
    })
    end()
  },
)

test('a process that takes the mail itself tells it in the same way', async () => {
  await using alone = await startTestApp()
  const heard: WatchedFact[] = []
  const end = alone.app.watchFacts((watched) => heard.push(watched))
  await send(alone.port)
  expect(messages(heard)).toHaveLength(1)
  expect(heard.map(({ sequence }) => sequence)).toEqual(heard.map((_, i) => i + 1))
  end()
  const count = heard.length
  await send(alone.port)
  expect(heard).toHaveLength(count)
})
