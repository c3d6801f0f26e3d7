/**
 * A source of policies that fails, or takes longer than `timeouts.policy`: what
 * `recipients.on_failure` says, for those whom it was asked for and no source before it knows. The
 * configuration is a real one; the sources are scripted, because a file always answers at once.
 */
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { policiesFrom } from '../../src/app/policies.ts'
import type { RawPolicy } from '../../src/policy/policy-source.ts'
import { askedInTime } from '../../src/app/asked-source.ts'
import { connectionOptions } from '../../src/app/session.ts'
import type { Backend } from '../../src/backend/backend.ts'
import type { Config } from '../../src/config/config.ts'
import { loadConfig } from '../../src/config/load.ts'
import type { Fact } from '../../src/facts/fact.ts'
import { headersJudge } from '../../src/judge/headers.ts'
import type { Bounces } from '../../src/bounce/bounce.ts'
import type { Ledger } from '../../src/ledger/ledger.ts'
import { Connection } from '../../src/listen/connection.ts'
import type { PeerDirectory } from '../../src/peers/peer-directory.ts'
import { SpoolBudget } from '../../src/listen/spool-budget.ts'
import { replies } from '../../src/smtp/replies.ts'
import { playOn, Client } from '../support/dialogue.ts'
import { defaultPeer } from '../support/machine.ts'
import { MemoryLedger } from '../support/memory-ledger.ts'
import { named, ScriptedSource } from '../support/scripted-source.ts'

async function configured(yaml: string): Promise<Config> {
  const directory = await mkdtemp(join(tmpdir(), 'rcptwise-policy-'))
  const file = join(directory, 'config.yaml')
  await writeFile(file, `hostname: mx.test\n${yaml}\n`)
  const loaded = loadConfig(file)
  await rm(directory, { recursive: true })
  if (!loaded.ok) throw new Error('the configuration of this test is wrong')
  return loaded.config
}

/** The second is asked for those whom the first does not know: it is in time only for `soon`. */
const sources = (): readonly [ScriptedSource, ScriptedSource] => {
  const broken = { kind: 'failed', source: 'first', why: 'the table is gone' } as const
  return [
    new ScriptedSource<RawPolicy>(
      {
        'quick@example.org': named('careful'),
        'known@example.org': named('careful'),
        'broken@example.org': broken,
      },
      'at once',
      'first',
    ),
    new ScriptedSource(
      { 'soon@example.org': named('careful'), 'late@example.org': named('strict') },
      (recipients) => (recipients.includes('soon@example.org') ? 'later' : 'never'),
      'second',
    ),
  ]
}

/** Takes everything, and notes for whom. */
const backend = (delivered: number[][]): Backend => {
  const begin: Pick<Backend, 'begin' | 'extensions'> = {
    extensions: () => new Map(),
    begin: (_id, listener) => ({
      mail: () => listener.mailReplied(replies.senderOk),
      rcpt: (index) => listener.recipientReplied(index, replies.recipientOk),
      deliver: (order, _text, listener) => {
        delivered.push(
          ...order.parcels.map(({ recipients }) => recipients.map(({ index }) => index)),
        )
        listener.delivered(order.parcels.map(() => ({ reply: replies.ok, own: new Map(), ms: 0 })))
      },
      committing: false,
      abandon: () => undefined,
    }),
  }
  return begin as Backend
}

/**
 * Plays the dialogue against a session with this configuration; gives what was told, and who got
 * the message.
 */
async function play(
  yaml: string,
  dialogue: string,
): Promise<{ facts: Fact[]; delivered: number[][]; asked: string[][] }> {
  const config = await configured(yaml)
  const [first, second] = sources()
  const facts: Fact[] = []
  const delivered: number[][] = []
  const onFact = (fact: Fact): unknown => facts.push(fact)
  const surroundings = { onFact, now: Date.now }
  const configuredSources = [first, second].map((one) => ({
    source: askedInTime(one, config.timeouts.policyMs, surroundings),
    config: { kind: 'file', path: one.name } as const,
  }))
  const ended = Promise.withResolvers<undefined>()
  const options = connectionOptions(
    {
      config,
      backend: backend(delivered),
      policies: policiesFrom({ policies: configuredSources, aliases: [] }, config, surroundings),
      ledger: Object.assign(new MemoryLedger(), {
        crowded: () => undefined,
        overrides: () => [],
      }) as unknown as Ledger,
      judges: [
        {
          judge: headersJudge({ field: 'X-Spam-Score', believes: () => true }),
          onFailure: 'accept',
        },
      ],
      bounces: {} as Bounces,
      voucher: {
        vouchFor: async () => await Promise.resolve({ kind: 'unvouched', why: 'nobody was asked' }),
      },
      certificates: undefined,
      budget: new SpoolBudget({
        totalMemoryBytes: 1e6,
        totalDiskBytes: 1e6,
        memoryBytes: 1e6,
        directory: tmpdir(),
        onLimit: () => undefined,
        now: Date.now,
      }),
      directory: {
        serve: () => ({ peer: defaultPeer, trusted: false, sender: '127.0.0.0/24' }),
      } as unknown as PeerDirectory,
      onFact,
      now: Date.now,
      newId: () => 'id',
      onEnd: () => ended.resolve(undefined),
    },
    { tls: 'off' },
  )
  const server = createServer({ allowHalfOpen: true }, (socket) => {
    const client = { address: '127.0.0.1', port: 1 }
    const connection = options(client, { takes: () => undefined })
    new Connection(socket, {
      ...connection,
      ownEnd: { address: '127.0.0.1', port: 2525 },
    }).greet()
  })
  await new Promise<void>((resolve) => server.listen({ port: 0, host: '127.0.0.1' }, resolve))
  const address = server.address()
  const client = await Client.connect(
    typeof address === 'object' && address !== null ? address.port : 0,
  )
  try {
    await playOn(client, dialogue)
  } finally {
    client.close()
    await ended.promise
    await new Promise<void>((resolve) => server.close(() => resolve()))
  }
  const asked = [first, second].map((source) =>
    source.asked.map(({ recipients }) =>
      recipients.map((each) => each.replace('@example.org', '')).join(' '),
    ),
  )
  return { facts, delivered, asked }
}

const limits = 'timeouts: { policy: 100ms }'
const failures = (facts: readonly Fact[]): string[] =>
  facts
    .filter((fact) => fact.kind === 'policyFailed')
    .map(({ recipient, source, why }) => `${recipient}: ${source}: ${why}`)

test('on_failure: defer', async () => {
  const { facts, delivered } = await play(
    `${limits}\nrecipients: { on_failure: defer }`,
    `
    S: 220 *
    C: HELO client.test
    S: 250 mx.test
    C: MAIL FROM:<s@example.net>
    S: 250 *
    C: RCPT TO:<quick@example.org>
    S: 250 *
    C: RCPT TO:<never@example.org>
    S: 451 4.3.0 The recipient's settings cannot be read at the moment; please try again in 300 seconds; retry=00:05:00
    C: RCPT TO:<broken@example.org>
    S: 451 4.3.0 *
    C: RCPT TO:<late@example.org>
    C: RCPT TO:<known@example.org>
    S: 451 4.3.0 *
    S: 250 *
    C: RCPT TO:<soon@example.org>
    S: 250 *
    C: DATA
    S: 354 *
    C: Subject: x
    C:
    C: .
    S: 250 *
    C: QUIT
    S: 221 *
    S: <end>
    `,
  )
  expect(delivered).toEqual([[0, 4, 5]])
  expect(failures(facts)).toEqual([
    'never@example.org: second: no answer in time (timeouts.policy)',
    'broken@example.org: first: the table is gone',
    'late@example.org: second: no answer in time (timeouts.policy)',
  ])
})

test('on_failure: default', async () => {
  const { facts, delivered, asked } = await play(
    `${limits}\nrecipients: { on_failure: default }`,
    `
    S: 220 *
    C: HELO client.test
    S: 250 mx.test
    C: MAIL FROM:<s@example.net>
    S: 250 *
    C: RCPT TO:<never@example.org>
    C: RCPT TO:<broken@example.org>
    C: RCPT TO:<quick@example.org>
    S: 250 *
    S: 250 *
    S: 250 *
    C: DATA
    S: 354 *
    C: Subject: x
    C:
    C: .
    S: 250 *
    `,
  )
  // All have the default policy, which is that of `quick` too: one group, one delivery.
  expect(delivered).toEqual([[0, 1, 2]])
  expect(failures(facts)).toHaveLength(2)
  // What is pipelined is one question to each source.
  expect(asked).toEqual([['never broken quick'], ['never']])
})
