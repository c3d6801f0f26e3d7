/**
 * What the rows of Haraka in `senders` say, and rule 2 rests on: measured again with each version
 * that the lab takes.
 *
 *   Haraka 3.3 ─▶ a scripted server          (no Rcptwise between them)
 */
import { describe, expect, test } from 'vitest'
import { type FakeBackend, type Rule, startFakeBackend } from '../../support/fake-backend.ts'
import { harakaObstacle } from '../../support/lab/availability.ts'
import { startHaraka } from '../../support/lab/haraka.ts'
import { bounces } from '../../support/lab/maildir.ts'
import { until } from '../../support/lab/until.ts'

const from = 'sender@client.test'
const [a, b, c] = ['a@example.org', 'b@example.org', 'c@example.org'] as const
const everyone = [c, a, b]

interface Course {
  /** For each attempt, whom it offered, in its order. */
  readonly offered: readonly (readonly string[])[]
  readonly bounced: readonly string[]
  /** Seconds it would have waited after each deferral. */
  readonly waits: readonly number[]
  readonly server: FakeBackend
}

/** One message to everyone, until Haraka is done with it. */
async function course(rules: readonly Rule[]): Promise<Course> {
  await using server = await startFakeBackend({ rules })
  await using haraka = await startHaraka({ relayTo: { host: '127.0.0.1', port: server.port } })
  await haraka.submit({ from, to: everyone })
  const attempts = (): readonly (readonly string[])[] =>
    server.connections
      .map(({ lines }) => lines)
      .filter((lines) => lines.includes(`MAIL FROM:<${from}>`))
  await until('it has begun', () => attempts().length > 0, { explain: haraka.log })
  await haraka.empty()
  const reports = server.delivered
    .filter(({ mail }) => mail === '<>')
    .map(({ text }) => text.toString('latin1'))
  return {
    offered: attempts().map((lines) =>
      lines.flatMap((line) => /^RCPT TO:<(.*)>/.exec(line)?.[1] ?? []),
    ),
    bounced: bounces(reports).map(({ recipient }) => recipient),
    waits: await haraka.waits(),
    server,
  }
}

const atRcpt = (address: string, say: string, nth = 1): Rule => ({
  on: 'RCPT',
  having: address,
  nth,
  say,
})

describe.skipIf(harakaObstacle() !== undefined)('Haraka, measured', () => {
  test.concurrent.each(['450 4.2.1 busy', '451 4.5.3 later; retry=00:01:00', '452 4.5.3 too many'])(
    'deferred at RCPT with %s: the others have it, and the deferred one is offered again, alone, in a new connection',
    async (say) => {
      const { offered, bounced, waits, server } = await course([atRcpt(a, say)])
      expect(offered).toEqual([everyone, [a]])
      expect(bounced).toEqual([])
      expect(waits).toEqual([64])
      expect(server.delivered.map(({ recipients }) => recipients)).toEqual([
        [`<${c}>`, `<${b}>`],
        [`<${a}>`],
      ])
      expect(server.connections.some(({ pipelined }) => pipelined)).toBe(false)
    },
  )

  test.concurrent.each(['450 4.2.1 busy', '451 4.5.3 later', '452 4.5.3 too many'])(
    'a 5yz after the text where one was deferred with %s: everyone bounces, the deferred one is lost',
    async (say) => {
      const { offered, bounced, server } = await course([
        atRcpt(a, say),
        { on: 'dot', nth: 1, say: '550 5.7.1 spam' },
      ])
      expect(offered).toEqual([everyone])
      expect(bounced).toEqual(everyone)
      expect(server.delivered.map(({ mail }) => mail)).toEqual(['<>'])
    },
  )

  test.concurrent(
    'a 4yz after the text where one was deferred: everyone is offered again, nobody bounces',
    async () => {
      const later: Rule = { on: 'dot', nth: 1, say: '451 4.5.3 later' }
      const { offered, bounced, waits } = await course([atRcpt(a, '451 4.5.3 later'), later])
      expect(offered).toEqual([everyone, everyone])
      expect(bounced).toEqual([])
      expect(waits).toEqual([64])
    },
  )

  test.concurrent(
    'the wait doubles while nobody gets further, and is a minute again when somebody did',
    async () => {
      const nobody = [1, 2].map((nth): Rule => ({ on: 'dot', nth, say: '451 4.5.3 later' }))
      const { offered, waits } = await course([atRcpt(a, '451 4.5.3 later', 3), ...nobody])
      expect(offered).toEqual([everyone, everyone, everyone, [a]])
      expect(waits).toEqual([64, 128, 64])
    },
  )
})
