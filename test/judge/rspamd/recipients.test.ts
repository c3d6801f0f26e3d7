/** With whom rspamd is asked. */
import { afterEach, expect, it } from 'vitest'
import { rspamdJudge } from '../../../src/judge/rspamd/rspamd.ts'
import { envelope } from '../envelope.ts'
import { scannedText, scripted } from '../scripted-server.ts'

const ends: (() => unknown)[] = []
afterEach(async () => {
  for (const end of ends.splice(0).reverse()) await end()
})

const [a, b, c] = ['a@example.org', 'b@example.org', 'c@example.org'] as const
const answer = '{"score":1,"action":"no action"}'
const http = `HTTP/1.1 200 OK\r\ncontent-length: ${answer.length}\r\n\r\n${answer}`

it.each<['once' | 'perGroup', (readonly string[])[], string]>([
  [
    'once',
    [[a, b, c]],
    'judges.md: “In each attempt rspamd is told the recipients of the first one”',
  ],
  [
    'perGroup',
    [[a], [b]],
    'known-limits.md: “With scan: per_group rspamd greylists each group by itself”',
  ],
])('%s: %j, %s', async (scan, expected) => {
  const server = await scripted(
    (socket, request) => {
      if (request.endsWith('x')) socket.end(http)
    },
    { ends },
  )
  const judge = rspamdJudge({
    servers: [server],
    scan,
    maxSizeBytes: 1e6,
    atATime: 1,
    answerLimitBytes: 1e6,
    connectTimeoutMs: 5000,
    now: () => 0,
    onChange: () => undefined,
    onLeftOut: () => undefined,
  })
  const judging = judge.message({
    ...envelope,
    // `c` has the message already, or waits.
    recipients: [
      { index: 0, address: a, group: 'one' },
      { index: 1, address: b, group: 'two' },
    ],
    firstRecipients: [a, b, c],
  })
  if (judging.way !== 'reads') throw new Error('it reads by itself')
  await judging.judge(scannedText(10).text, new AbortController().signal)
  await judge.close()
  const told = server.requests.map((request) =>
    [...request.matchAll(/^Rcpt: <(.*)>\r$/gm)].map(([, address]) => address),
  )
  expect(told).toEqual(expected)
})
