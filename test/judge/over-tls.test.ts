/** rspamd and hooks behind https://: whom Rcptwise believes. */
import { once } from 'node:events'
import { createServer } from 'node:https'
import type { AddressInfo } from 'node:net'
import { getCACertificates, setDefaultCACertificates } from 'node:tls'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { hookJudge } from '../../src/judge/hook/hook.ts'
import type { Judge } from '../../src/judge/judge.ts'
import { rspamdJudge } from '../../src/judge/rspamd/rspamd.ts'
import { makeAuthority, makeServerCertificate } from '../../src/tls/development-ca.ts'
import { envelope } from './envelope.ts'
import { textOf } from './texts.ts'

const ends: (() => unknown)[] = []
let authority = ''
let port = 0

beforeAll(async () => {
  const now = Date.now()
  const ca = await makeAuthority('Site', 10, now)
  const certificate = await makeServerCertificate(['127.0.0.1'], ca, { days: 5, now })
  authority = ca.cert
  const server = createServer(certificate, (request, answer) => {
    request.resume()
    request.on('end', () =>
      answer.end(
        request.url === '/checkv2'
          ? '{"score":9,"action":"no action","symbols":{"A":{"score":9}}}'
          : '{"action":"reject"}',
      ),
    )
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  port = (server.address() as AddressInfo).port
  ends.push(() => server.close())
})
afterAll(async () => {
  for (const end of ends) await end()
})

const common = {
  maxSizeBytes: 1e6,
  atATime: 10,
  answerLimitBytes: 65_536,
  connectTimeoutMs: 5000,
  now: () => performance.now(),
  onChange: () => undefined,
  onLeftOut: () => undefined,
}
const servers = () => [{ url: `https://127.0.0.1:${port}` }]

async function judged(judge: Judge): Promise<unknown> {
  const judging = judge.message(envelope)
  if (judging.way !== 'reads') throw new Error('it looks on')
  const text = textOf([Buffer.from('Subject: x\r\n\r\nhello\r\n')])
  try {
    return await judging.judge(text, new AbortController().signal)
  } finally {
    await judge.close()
  }
}

test.each([
  ['rspamd', () => rspamdJudge({ ...common, servers: servers(), scan: 'once' }), 9],
  [
    'hook',
    () => hookJudge({ ...common, name: 'hook', servers: servers(), text: 'raw' }),
    undefined,
  ],
] as const)(
  '%s: an authority that nobody has named is not believed',
  async (_name, open, score) => {
    const why = expect.stringMatching(/SIGNATURE|ISSUER|SELF_SIGNED/) as string
    expect(await judged(open())).toEqual({ kind: 'failed', why })
    const before = getCACertificates('default')
    try {
      // What NODE_EXTRA_CA_CERTS does at the start of a process.
      setDefaultCACertificates([...before, authority])
      const said = await judged(open())
      expect(said).toMatchObject(
        score === undefined ? { kind: 'judged' } : { kind: 'judged', score },
      )
    } finally {
      setDefaultCACertificates(before)
    }
  },
)
