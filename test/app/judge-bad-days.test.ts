/**
 * Bad days of rspamd and of spamd, seen from outside: what the client hears and the recipient gets,
 * the line in the log, and the metric.
 */
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import type { Fact } from '../../src/facts/fact.ts'
import { logFromFacts } from '../../src/log/from-facts.ts'
import { createLog } from '../../src/log/log.ts'
import { type Behaviour, type Scripted, scripted } from '../judge/scripted-server.ts'
import { startTestApp, type TestApp } from '../support/app.ts'
import { Client } from '../support/dialogue.ts'

const ann = 'ann@example.org'
const ends: (() => unknown)[] = []
let server: Scripted

beforeEach(async () => {
  server = await scripted(() => undefined, { ends })
})
afterEach(async () => {
  for (const end of ends.splice(0).reverse()) await end()
})

const lastLine = '\r\nend of text\r\n'

/** Answers when the text is there. */
const whole =
  (answer: string): Behaviour =>
  (socket, request) => {
    if (request.endsWith(lastLine)) socket.end(answer)
  }
const http = (body: string): string =>
  `HTTP/1.1 200 OK\r\ncontent-length: ${body.length}\r\nconnection: close\r\n\r\n${body}`
const rspamdSays = (answer: Readonly<Record<string, unknown>>): Behaviour =>
  whole(http(JSON.stringify({ score: 1, action: 'no action', ...answer })))
const spamdSays = (symbols: string, length = symbols.length): string =>
  `SPAMD/1.1 0 EX_OK\r\nContent-length: ${length}\r\nSpam: False ; 1.0 / 5.0\r\n\r\n${symbols}`

/** It goes on until nobody reads any more. */
const withoutEnd =
  (beginning: string): Behaviour =>
  (socket, request) => {
    if (!request.endsWith(lastLine)) return
    socket.write(beginning)
    const more = Buffer.alloc(1024 * 1024, 'x')
    const go = (): void => {
      while (!socket.destroyed && socket.write(more));
    }
    socket.on('drain', go)
    go()
  }

interface Day {
  readonly judge: 'rspamd' | 'spamd'
  /** More of its keys. */
  readonly keys?: string
  readonly behave: Behaviour
}

/** What one message hears, and what is seen of it afterwards. */
async function send({ judge, keys = '', behave }: Day, { from = 's@client.test', lines = 1 } = {}) {
  server.behave = behave
  const url = judge === 'rspamd' ? server.url : `spamd://127.0.0.1:${server.port}`
  await using app: TestApp = await startTestApp({
    config: `judges: [{ ${judge}: { url: "${url}", time_limit: 1s, on_failure: tag${keys} } }]\n`,
  })
  const client = await Client.connect(app.port)
  try {
    await client.reply()
    await client.ask('EHLO client.test')
    await client.ask(`MAIL FROM:<${from}>${/[\x80-\xff]/.test(from) ? ' SMTPUTF8' : ''}`)
    await client.ask(`RCPT TO:<${ann}>`)
    await client.ask('DATA')
    const text = `Subject: x\r\n\r\n${`${'x'.repeat(900)}\r\n`.repeat(lines)}end of text\r\n.`
    const reply = await client.ask(text)
    const [mail = ''] = await app.mail(ann)
    const metrics = await app.metrics()
    const metric = (name: string): number =>
      Number(
        metrics
          .split('\n')
          .find((line) => line.startsWith(`rcptwise_${name} `))
          ?.split(' ')[1],
      )
    return {
      reply,
      tagged: /^X-Spam-Flag: YES/m.test(mail),
      mail,
      log: logOf(app.facts),
      failed: metric(`judge_results_total{judge="${judge}",result="failed"}`),
      scored: metric(`judge_results_total{judge="${judge}",result="scored"}`),
      silent: metric(`judge_results_total{judge="${judge}",result="silent"}`),
      leftOut: metric(`judge_left_out_total{judge="${judge}"}`),
    }
  } finally {
    client.close()
  }
}

/** As it is written. */
function logOf(facts: readonly Fact[]): string {
  const lines: string[] = []
  const log = createLog({ level: 'info', format: 'json', write: (line) => lines.push(line) })
  const hear = logFromFacts(log)
  for (const fact of facts) hear(fact)
  return lines.join('')
}

describe('a judge that fails: on_failure decides, a line in the log says why, and it is counted', () => {
  test.each<[string, Day, RegExp]>([
    ['rspamd hangs', { judge: 'rspamd', behave: () => undefined }, /no answer in 1000 ms/],
    ['spamd hangs', { judge: 'spamd', behave: () => undefined }, /no answer in 1000 ms/],
    [
      'rspamd is too late',
      {
        judge: 'rspamd',
        behave: (socket) => void setTimeout(() => socket.end(http('{"score":99}')), 3000).unref(),
      },
      /no answer in 1000 ms/,
    ],
    [
      'rspamd resets',
      { judge: 'rspamd', behave: (socket) => socket.resetAndDestroy() },
      /ECONNRESET|EPIPE/,
    ],
    [
      'spamd resets',
      { judge: 'spamd', behave: (socket) => socket.resetAndDestroy() },
      /ECONNRESET|EPIPE|not as spamd/,
    ],
    ['rspamd: garbage', { judge: 'rspamd', behave: whole('\0\xff\n\n') }, /does not speak HTTP/],
    ['rspamd: no JSON', { judge: 'rspamd', behave: whole(http('<html>')) }, /no JSON/],
    ['spamd: garbage', { judge: 'spamd', behave: whole('\0\xff\n\n') }, /not as spamd does/],
    [
      'rspamd: half an answer',
      { judge: 'rspamd', behave: whole(http('{"score":1,"action":"no action"}').slice(0, -9)) },
      /within its answer|ECONNRESET/,
    ],
    ['spamd: half an answer', { judge: 'spamd', behave: whole(spamdSays('A', 9)) }, /cut off/],
    [
      'rspamd: a score, and JSON that is cut off',
      { judge: 'rspamd', behave: whole(http('{"score":1,"action":"no action","symbols":{"A"')) },
      /no JSON/,
    ],
    [
      'rspamd: more than 64 MiB of JSON, that do not end',
      {
        judge: 'rspamd',
        behave: withoutEnd('HTTP/1.1 200 OK\r\n\r\n{"score":1,"action":"'),
      },
      /more than 4194304 octets/,
    ],
    [
      'spamd: an answer that does not end',
      { judge: 'spamd', behave: withoutEnd(spamdSays('A', 1)) },
      /more than 65536 octets/,
    ],
    [
      'rspamd: deep nesting, and nothing else',
      { judge: 'rspamd', behave: whole(http('['.repeat(2_000_000))) },
      /no JSON/,
    ],
    [
      'rspamd dies in the middle of the text',
      { judge: 'rspamd', behave: (socket) => socket.destroy() },
      /ECONNRESET|EPIPE|without an answer|hang up/,
    ],
    [
      'spamd dies in the middle of the text',
      { judge: 'spamd', behave: (socket) => socket.destroy() },
      /ECONNRESET|EPIPE|not as spamd/,
    ],
  ])('%s', async (_name, day, why) => {
    const { reply, tagged, log, failed } = await send(day, { lines: 300 })
    expect(reply).toMatch(/^250 /)
    expect(tagged).toBe(true)
    expect(/"event":"judgeFailed".*/.exec(log)?.[0]).toMatch(why)
    expect(failed).toBe(1)
  })

  test('of two servers one is down: the other one judges', async () => {
    const other = await scripted(rspamdSays({}), { ends })
    server.behave = (socket) => socket.destroy()
    await using app = await startTestApp({
      config: `judges: [{ rspamd: { url: ["${server.url}", "${other.url}"] } }]\n`,
    })
    for (let i = 0; i < 4; i++) {
      const client = await Client.connect(app.port)
      await client.reply()
      await client.ask('EHLO client.test')
      await client.ask('MAIL FROM:<s@client.test>')
      await client.ask(`RCPT TO:<${ann}>`)
      await client.ask('DATA')
      expect(await client.ask('Subject: x\r\n\r\n\r\nend of text\r\n.')).toMatch(/^250 /)
      client.close()
    }
    expect(logOf(app.facts)).toMatch(/"event":"judgeServerDown".*"server":"127\.0\.0\.1:/)
    const metrics = await app.metrics()
    expect(metrics).toContain('rcptwise_judge_servers_down{judge="rspamd"} 1\n')
    expect(metrics).toContain('rcptwise_judge_results_total{judge="rspamd",result="scored"} 4\n')
  })
})

describe('a judge that answers oddly has judged', () => {
  const nested = `${'{"a":'.repeat(100_000)}1${'}'.repeat(100_000)}`
  test('deep nesting beside its score', async () => {
    const body = `{"score":1,"action":"no action","symbols":{"A":${nested}}}`
    const { reply, scored } = await send({ judge: 'rspamd', behave: whole(http(body)) })
    expect(reply).toMatch(/^250 /)
    expect(scored).toBe(1)
  })

  test.each<[string, Readonly<Record<string, unknown>>, RegExp | undefined]>([
    ['a header field of 1 MB', { add_headers: { 'X-Bad': 'x'.repeat(1e6) } }, /1 of 2 changes/],
    ['NUL in a value', { add_headers: { 'X-Bad': 'a\0b' } }, /1 of 2 changes/],
    ['a name that ends its line', { add_headers: { 'X-Bad: a\r\nBcc': 'b' } }, /1 of 2 changes/],
    ['CR LF in a value', { add_headers: { 'X-Two': 'a\r\nBcc: b\r\n\r\nbody' } }, undefined],
    ['a place out of range', { add_headers: { 'X-Far': { value: 'y', order: 1e9 } } }, undefined],
    ['a field that is not there', { remove_headers: { 'X-None': [7, -7, 1e15] } }, undefined],
  ])('%s', async (_name, milter, leftOut) => {
    const { add_headers, ...more } = { add_headers: {}, ...milter }
    const wanted = { ...more, add_headers: { 'X-Good': 'yes', ...add_headers } }
    const day: Day = { judge: 'rspamd', behave: rspamdSays({ milter: wanted }) }
    const { reply, mail, scored, log, ...seen } = await send(day)
    expect(reply).toMatch(/^250 /)
    expect(scored).toBe(1)
    expect(mail).toMatch(/^X-Good: yes\r$/m)
    expect(mail).not.toMatch(/^(?:X-Bad|Bcc|body)/m)
    expect(mail.split('\r\n\r\n').slice(1).join('\r\n\r\n')).toMatch(/^x+\r\nend of text\r\n$/)
    const line = /"event":"judgeLeftOut".*/.exec(log)?.[0]
    if (leftOut === undefined) expect(line).toBeUndefined()
    else expect(line).toMatch(leftOut)
    expect(seen.leftOut).toBe(leftOut === undefined ? 0 : 1)
  })
})

describe('what a judge is not told', () => {
  test.each(['rspamd', 'spamd'] as const)(
    '%s: a message above max_size is not shown to it, and passes',
    async (judge) => {
      const behave = judge === 'rspamd' ? rspamdSays({}) : whole(spamdSays(''))
      const day: Day = { judge, keys: ', max_size: 10KiB', behave }
      const { reply, tagged, log, silent } = await send(day, { lines: 50 })
      expect(reply).toMatch(/^250 /)
      expect(tagged).toBe(false)
      expect(/"event":"judgeSkipped".*/.exec(log)?.[0]).toContain('more than 10240 octets')
      expect(silent).toBe(1)
      expect(server.requests.every((request) => request === '')).toBe(true)
    },
  )

  test('SMTPUTF8: the octets of an address, as they are', async () => {
    const from = Buffer.from('użytkownik@client.test').toString('latin1')
    const day: Day = { judge: 'rspamd', behave: rspamdSays({}) }
    const { reply, scored, leftOut } = await send(day, { from })
    expect(reply).toMatch(/^250 /)
    expect([scored, leftOut]).toEqual([1, 0])
    expect(server.requests[0]).toContain(`From: <${from}>\r\n`)
  })
})
