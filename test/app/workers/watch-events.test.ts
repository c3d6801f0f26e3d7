/**
 * Whoever reads the events of a primary hears what happens in its workers; nobody costs the mail
 * nothing.
 */
import { ChildProcess } from 'node:child_process'
import { EventEmitter } from 'node:events'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test, vi } from 'vitest'
import type { App } from '../../../src/app.ts'
import { startPrimary } from '../../../src/app/workers/primary.ts'
import { parseConfig } from '../../../src/config/load.ts'
import { Client } from '../../support/dialogue.ts'
import { type FakeBackend, startFakeBackend } from '../../support/fake-backend.ts'
import { until } from '../../support/lab/until.ts'
import { startTestApp } from '../../support/app.ts'
import { type EventReader, readEvents } from '../../support/event-stream.ts'

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
  await writeFile(join(directory, 'recipients.yaml'), '"a@example.org": plain\n')
  backend = await startFakeBackend()
  const loaded = parseConfig(
    `listen: ["127.0.0.1:0"]\nadmin: { listen: "127.0.0.1:0" }\nworkers: 2\nlog: { level: error }\n` +
      `data_directory: ${directory}\nrelay_domains: [example.org]\nbackend: { servers: ["${backend.url}"] }\n` +
      'recipients: { default: plain, sources: [{ file: recipients.yaml }] }\npolicies: { plain: {} }\n',
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

const urlOf = (of: App): string =>
  `http://${of.admin?.address ?? ''}:${of.admin?.port ?? 0}/api/v1/events`

const workersIn = (reader: EventReader): Set<unknown> =>
  new Set(reader.of('transactionEnded').map(({ data }) => data['worker']))

/** Those that are told, and those that are too many within a second (live/pace.ts). */
const messagesIn = (reader: EventReader): number =>
  reader
    .of('dropped')
    .reduce((sum, { data }) => sum + Number(data['events']), reader.of('transactionEnded').length)

test('what is seldom is there for who comes later, in workers too', async () => {
  const happened = async (): Promise<readonly Readonly<Record<string, unknown>>[]> => {
    const response = await fetch(urlOf(app).replace(/events$/, 'happened'))
    const { events } = (await response.json()) as {
      readonly events: readonly Readonly<Record<string, unknown>>[]
    }
    return events
  }
  await until('the worker that reads the files has told it', async () =>
    (await happened()).some(({ kind, worker }) => kind === 'policiesLoaded' && worker === 1),
  )
  expect((await happened()).map(({ kind }) => kind)).not.toContain('transactionEnded')
})

// Before any mail: connections to a server behind would be told as they end.
test('workers of whom nobody wants anything tell nothing that they have counted', async () => {
  await app.scrape()
  sent.length = 0
  const beats = (): number => sent.filter((kind) => kind === 'beat').length
  // For longer than the time between two messages with what was counted, in both.
  await until('their loops have gone round', () => beats() >= 14)
  expect(sent).not.toContain('counted')
})

// First, while nobody has watched yet: whoever leaves may come back.
test('nothing of the mail is sent while nobody watches', async () => {
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
  expect(sent).toContain('counted')
  expect(sent).not.toContain('events')
})

test('what happens with messages in both workers is heard, each once, with its worker', async () => {
  using reader = await readEvents(urlOf(app))
  const before = backend.delivered.length
  await until('both have taken mail', async () => {
    await sendSeveral()
    return workersIn(reader).size === 2
  })
  await until('all are heard', () => messagesIn(reader) === backend.delivered.length - before)
  const transactions = reader.of('transactionEnded').map(({ data }) => data['transaction'])
  expect(new Set(transactions).size).toBe(transactions.length)
  const numbers = reader.heard.map(({ id }) => Number(id.split('-')[1]))
  expect(numbers.slice(1)).toEqual(numbers.slice(1).map((_, i) => (numbers[0] ?? 0) + 1 + i))
})

test('a reader that comes back with the last id has missed nothing', async () => {
  const first = await readEvents(urlOf(app))
  await until('it is greeted', () => first.heard.length > 0)
  const id = first.heard.at(-1)?.id ?? ''
  first[Symbol.dispose]()
  const before = backend.delivered.length
  await sendSeveral()
  using again = await readEvents(urlOf(app), { 'last-event-id': id })
  await until('all are heard', () => messagesIn(again) >= backend.delivered.length - before)
  expect(again.of('gap')).toEqual([])
  expect(again.of('reset')).toEqual([])
})

test('the totals of all workers are told', async () => {
  using reader = await readEvents(`${urlOf(app)}?kinds=totals`)
  const all = backend.delivered.length
  await until('all are counted', () => {
    const { transactions } = (reader.heard.at(-1)?.data ?? {}) as {
      readonly transactions?: Readonly<Record<string, number>>
    }
    return transactions?.['accepted'] === all
  })
})

test('what happens in the primary itself is heard too, without a worker', async () => {
  using reader = await readEvents(urlOf(app))
  await until('it is greeted', () => reader.of('hello').length === 1)
  app.onFact({ kind: 'configLoaded', at: 1, needRestart: [] })
  await until('it is told', () => reader.of('configLoaded').length === 1)
  expect(reader.of('configLoaded')[0]?.data).toEqual({
    kind: 'configLoaded',
    at: 1,
    needRestart: [],
  })
})

test(
  'one that takes the place of another worker is watched as well',
  { timeout: 60_000 },
  async () => {
    using reader = await readEvents(urlOf(app))
    const [pid] = started
    if (pid === undefined) throw new Error('no worker has started')
    process.kill(pid, 'SIGKILL')
    await until('it is lost', () => reader.of('workerLost').length > 0)
    const killed = reader.heard.length
    await until('both take mail again', async () => {
      await sendSeveral().catch(() => undefined)
      const since = reader.heard.slice(killed).filter(({ name }) => name === 'transactionEnded')
      return new Set(since.map(({ data }) => data['worker'])).size === 2
    })
  },
)

test('a process that takes the mail itself tells it in the same way', async () => {
  await using alone = await startTestApp()
  using reader = await readEvents(urlOf(alone.app))
  await until('it is greeted', () => reader.of('hello').length === 1)
  await send(alone.port)
  await until('it is told', () => reader.of('transactionEnded').length === 1)
  await until('it is counted', () =>
    reader
      .of('totals')
      .some(
        ({ data }) => (data['transactions'] as Readonly<Record<string, number>>)['accepted'] === 1,
      ),
  )
})
