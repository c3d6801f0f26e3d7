/**
 * Each kind of source through the whole product, for a client that offers many recipients at once.
 *
 *   client ─▶ Rcptwise ─▶ sink:
 *                └──▶ HTTP, Redis, slapd, socketmap, PostgreSQL, MariaDB
 */
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { startTestApp, type TestApp } from '../../support/app.ts'
import { interopObstacle } from '../../support/lab/availability.ts'
import { sendScored } from '../../support/scored-message.ts'
import { kinds, type Wishes, type WishServer } from './kinds.ts'

/** For a score of 9: strict refuses, and the others do not. */
const score = 9
const [ann, bob, carl, dora] = ['ann', 'bob', 'carl', 'dora'].map((name) => `${name}@example.org`)
const wishes: Wishes = {
  'ann@example.org': 'strict',
  'bob@example.org': 'tag-only',
  '@strict.example': 'strict',
}

describe.skipIf(interopObstacle() !== undefined).each(Object.keys(kinds))('%s', (kind) => {
  let server: WishServer
  beforeAll(async () => {
    const start = kinds[kind]
    if (start === undefined) throw new Error(`there is no ${kind}`)
    server = await start()
  }, 120_000)
  afterAll(async () => await server[Symbol.asyncDispose]())
  beforeEach(async () => await server.put(wishes))

  const startApp = async (more: Readonly<Record<string, string>> = {}): Promise<TestApp> =>
    await startTestApp({
      config: `recipients:\n  default: careful\n  sources:\n${server.source(more)}`,
    })
  const send = async (app: TestApp, ...recipients: (string | undefined)[]): Promise<string[]> =>
    await sendScored(app, score, ...recipients.filter((one) => one !== undefined))

  test('each recipient has their own answer', async () => {
    await using app = await startApp()
    const recipients = [ann, bob, carl, 'Ann+x@example.org', 'eve@strict.example']
    expect(await send(app, ...recipients)).toEqual(['550', '250', '250', '550', '550'])
  })

  test('recipients.md: “A change in the table counts at the latest after `keep`.”', async () => {
    await using app = await startApp({ keep: '1s', keep_unknown: '1s' })
    expect(await send(app, ann, bob, carl)).toEqual(['550', '250', '250'])
    await server.put({ 'bob@example.org': 'strict', 'carl@example.org': 'strict' })
    await expect
      .poll(async () => await send(app, ann, bob, carl), { interval: 300 })
      .toEqual(['250', '550', '550'])
  })

  test('killed while mail comes: who is known has their own answer, who is not comes again, and nobody has another one’s', async () => {
    await using app = await startApp({ keep: '100ms', keep_unknown: '100ms' })
    const heard: string[][] = []
    const ends = new AbortController()
    const mail = (async (): Promise<void> => {
      while (!ends.signal.aborted) heard.push(await send(app, ann, bob, carl))
    })()
    const some = async (): Promise<void> => {
      const count = heard.length
      await expect.poll(() => heard.length).toBeGreaterThan(count + 2)
    }
    try {
      await some()
      await server.kill()
      await some()
      expect(await send(app, ann)).toEqual(['550'])
      expect(await send(app, dora)).toEqual(['451'])
      await server.startAgain()
      await server.put({ ...wishes, 'dora@example.org': 'strict' })
      await expect.poll(async () => await send(app, dora)).toEqual(['550'])
      await some()
    } finally {
      ends.abort()
      await mail
    }
    expect(new Set(heard.map((codes) => codes.join(' ')))).toEqual(new Set(['550 250 250']))
  })

  test('recipients.md: “So a message to a hundred people is one question, when the client pipelines.” A thousand are as few as the client’s packets', async () => {
    const many = Array.from({ length: 1000 }, (_, i) => `u${i}+list@example.org`)
    await server.put({ ...wishes, 'u7@example.org': 'strict', 'u993@example.org': 'strict' })
    await using app = await startApp()
    const before = await server.questions()
    const told = await send(app, ...many)
    expect(told.flatMap((code, i) => (code === '550' ? [i] : []))).toEqual([7, 993])
    expect(told.filter((code) => code === '250')).toHaveLength(998)
    const asked = (await server.questions()) - before
    expect(asked).toBeGreaterThan(0)
    // Each turn asks for what has come in it, and for the domain.
    const turns = 10
    const keys = 2 * many.length + turns
    expect(asked).toBeLessThanOrEqual(turns + Math.ceil(keys / server.mostKeys))
  })
})
