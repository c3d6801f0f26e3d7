/** As which users spamd scans a message: one scan for each of them. */
import { afterEach, expect, it } from 'vitest'
import { spamdJudge, type SpamdOptions } from '../../../src/judge/spamd/spamd.ts'
import { envelope } from '../envelope.ts'
import { scannedText, scripted } from '../scripted-server.ts'

const ends: (() => unknown)[] = []
afterEach(async () => {
  for (const end of ends.splice(0).reverse()) await end()
})

const scores: Readonly<Record<string, number>> = { strict: 7, careful: 3 }
const recipients = [
  { index: 0, address: 'Ann@example.org', group: 'one', policy: 'strict' },
  { index: 1, address: 'bob@example.org', group: 'two', policy: 'careful' },
  { index: 2, address: 'ann@example.org', group: 'one', policy: 'strict' },
  { index: 3, address: 'dee@example.org', group: 'none' },
]

it.each<[SpamdOptions['scan'], string | undefined, (string | undefined)[], number]>([
  ['once', undefined, [undefined], 1],
  ['once', 'site', ['site'], 1],
  ['perPolicy', undefined, [undefined, 'careful', 'strict'], 3],
  ['perRecipient', undefined, ['ann@example.org', 'bob@example.org', 'dee@example.org'], 3],
])('%s, user %s: %j', async (scan, user, expected, scans) => {
  const server = await scripted(
    (socket, request) => {
      if (socket.listenerCount('end') > 1) return
      const score = scores[/^User: (.*)\r$/m.exec(request)?.[1] ?? ''] ?? 1
      socket.once('end', () =>
        socket.end(`SPAMD/1.1 0 EX_OK\r\nSpam: False ; ${score} / 5.0\r\n\r\n`),
      )
    },
    { ends },
  )
  const judge = spamdJudge({
    servers: [server],
    scan,
    maxSizeBytes: 1e6,
    atATime: 5,
    answerLimitBytes: 1e6,
    connectTimeoutMs: 5000,
    now: () => 0,
    onChange: () => undefined,
    ...(user === undefined ? {} : { user }),
  })
  const judging = judge.message({ ...envelope, recipients })
  if (judging.way !== 'reads') throw new Error('it reads by itself')
  const found = await judging.judge(scannedText(10).text, new AbortController().signal)
  await judge.close()
  const users = server.requests.map((request) => /^User: (.*)\r$/m.exec(request)?.[1])
  expect(users).toHaveLength(scans)
  expect(new Set(users)).toEqual(new Set(expected))
  if (scan === 'perPolicy' && found.kind === 'judged')
    expect(recipients.map(({ index }) => found.own?.get(index)?.score)).toEqual([7, 3, 7, 1])
})
