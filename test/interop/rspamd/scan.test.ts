/** What Debian's rspamd answers to what Rcptwise asks: the facts that the rspamd judge rests on. */
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { readAnswer, type Scan } from '../../../src/judge/rspamd/answer.ts'
import { RspamdClient } from '../../../src/judge/rspamd/client.ts'
import { type Asked, questionOf } from '../../../src/judge/rspamd/question.ts'
import type { TextSource } from '../../../src/message/text-source.ts'
import { interopObstacle } from '../../support/lab/availability.ts'
import { type Rspamd, startRspamd } from '../../support/lab/rspamd.ts'

const asked: Asked = {
  clientAddress: '192.0.2.1',
  clientName: 'mx.example.net',
  helo: 'helo.example.net',
  reversePath: 'ann@example.net',
  recipients: ['bob@example.org', '"a, b"@example.org'],
  user: 'ann',
  hostname: 'mx1.example.org',
  transaction: 'S1.1',
}

const textOf = (octets: string): TextSource => {
  const whole = [Buffer.from(octets, 'latin1')]
  return {
    whole: () => whole,
    async *chunks() {
      yield* await Promise.resolve(whole)
    },
  }
}

describe.skipIf(interopObstacle() !== undefined)('rspamd 3.4', () => {
  let rspamd: Rspamd
  beforeAll(async () => {
    rspamd = await startRspamd({ maxMessageBytes: 1024 * 1024 })
  })
  afterAll(async () => {
    await rspamd[Symbol.asyncDispose]()
  })

  async function scan(
    fields: string,
    about: Partial<Asked> = {},
    body = 'body\r\n',
    { compression, socketPath }: { compression?: 'zstd'; socketPath?: string } = {},
  ): Promise<Scan | { readonly failed: string }> {
    const client = new RspamdClient({
      servers: [{ url: rspamd.url, ...(socketPath === undefined ? {} : { socketPath }) }],
      answerLimitBytes: 1024 * 1024,
      connectTimeoutMs: 5000,
      now: Date.now,
      onChange: () => undefined,
      ...(compression === undefined ? {} : { compression }),
    })
    const text = textOf(`Subject: test\r\n${fields}\r\n${body}`)
    const question = questionOf({ ...asked, ...about })
    const size = text.whole()?.reduce((sum, { length }) => sum + length, 0) ?? 0
    const signal = AbortSignal.timeout(30_000)
    const said = await client.scan(question, { text, size, signal })
    return 'failed' in said ? said : readAnswer(said.body)
  }

  test('a text that is compressed with zstd is judged as one that is not', async () => {
    const body = 'the quick brown fox\r\n'.repeat(20_000)
    const fields = 'X-Test-Score: 7.5\r\nX-Test-Symbol: yes\r\nX-Test-Edits: yes\r\n'
    const [plain, zstd] = [
      await scan(fields, {}, body),
      await scan(fields, {}, body, { compression: 'zstd' }),
    ]
    expect(zstd).toMatchObject({ score: 7.5 })
    expect({ ...zstd, seconds: 0 }).toEqual({ ...plain, seconds: 0 })
  })

  test.each([
    ['small', 'body\r\n'],
    ['of 800 KB', 'the quick brown fox\r\n'.repeat(40_000)],
  ])('a %s text over a Unix socket is judged as one over TCP', async (_size, body) => {
    const fields = 'X-Test-Score: 7.5\r\nX-Test-Edits: yes\r\n'
    const { socketPath } = rspamd
    const [tcp, unix] = [await scan(fields, {}, body), await scan(fields, {}, body, { socketPath })]
    expect(unix).toMatchObject({ score: 7.5 })
    expect({ ...unix, seconds: 0 }).toEqual({ ...tcp, seconds: 0 })
  })

  test('a score above its own thresholds is a score, and forces nothing', async () => {
    for (const score of [0, 7.5, 20])
      expect(await scan(`X-Test-Score: ${score}\r\n`)).toMatchObject({ score })
    expect(await scan('X-Test-Score: 20\r\n')).not.toHaveProperty('forced')
  })

  test('all rules run, also above its reject threshold', async () => {
    const said = await scan('X-Test-Score: 99\r\nX-Test-Symbol: yes\r\n')
    expect('failed' in said ? [] : said.symbols).toContain('TEST_SYMBOL')
  })

  test('it has read who sends to whom, from where', async () => {
    const before = (await rspamd.log()).length
    await scan('')
    const log = (await rspamd.log()).slice(before)
    expect(log).toContain('qid: <S1.1>, ip: 192.0.2.1, user: ann, from: <ann@example.net>')
    expect(log).toContain('bob@example.org')
    expect(log).toContain('a, b')
  })

  test.each([
    ['reject', { action: 'reject', words: 'forced reject by the test' }],
    ['soft reject', { action: 'defer', words: 'forced soft reject by the test' }],
    ['add header', { action: 'tag' }],
    ['greylist', { action: 'defer', words: 'forced greylist by the test' }],
  ])('X-Test-Action: %s', async (action, forced) => {
    const said = await scan(`X-Test-Action: ${action}\r\n`)
    expect('failed' in said ? said : said.forced).toEqual(forced)
  })

  test('GTUBE is forced', async () => {
    const gtube = 'XJS*C4JDBQADN1.NSBN3*2IDNEN*GTUBE-STANDARD-ANTI-UBE-TEST-EMAIL*C.34X\r\n'
    expect(await scan('', {}, gtube)).toMatchObject({
      forced: { action: 'reject', words: 'Gtube pattern' },
    })
  })

  test('its milter block is edits', async () => {
    const said = await scan('X-Test-Edits: yes\r\n')
    const edits = 'failed' in said ? [] : said.edits
    expect(edits).toHaveLength(6)
    expect(edits).toEqual(
      expect.arrayContaining([
        { do: 'remove', name: 'X-Remove-All', nth: 0 },
        { do: 'remove', name: 'X-Remove-Second', nth: 2 },
        { do: 'insert', at: 0, name: 'X-Top', value: ' up' },
        { do: 'add', name: 'X-Added', value: ' one' },
        { do: 'add', name: 'X-Twice', value: ' a' },
        { do: 'add', name: 'X-Twice', value: ' b' },
      ]),
    )
  })

  test('a message above its max_message is a failure with a name, not a hang', async () => {
    const said = await scan('', {}, 'x'.repeat(76).concat('\r\n').repeat(20_000))
    expect('failed' in said ? said.failed : '').toMatch(/answer|ECONNRESET|EPIPE|hang up|HTTP/)
  })

  test('ping', async () => {
    const client = new RspamdClient({
      servers: [],
      answerLimitBytes: 1024,
      connectTimeoutMs: 5000,
      now: Date.now,
      onChange: () => undefined,
    })
    const said = await client.ping({ url: rspamd.url }, AbortSignal.timeout(10_000))
    expect(said).toBeUndefined()
  })
})
