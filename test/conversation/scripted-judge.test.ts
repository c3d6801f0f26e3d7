/**
 * A judge that reads the text by itself, between a client and a server behind: what it wants said is
 * said, and what it changes arrives.
 */
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { policiesFrom } from '../../src/app/policies.ts'
import { connectionOptions, type SessionParts } from '../../src/app/session.ts'
import type { Bounces } from '../../src/bounce/bounce.ts'
import type { Config } from '../../src/config/config.ts'
import { loadConfig } from '../../src/config/load.ts'
import type { Fact } from '../../src/facts/fact.ts'
import type { Ledger } from '../../src/ledger/ledger.ts'
import { Connection } from '../../src/listen/connection.ts'
import { SpoolBudget } from '../../src/listen/spool-budget.ts'
import { checkEdits } from '../../src/message/edits.ts'
import type { TextSource } from '../../src/message/text-source.ts'
import { revised } from '../../src/message/revised-text.ts'
import type { PeerDirectory } from '../../src/peers/peer-directory.ts'
import { replies } from '../../src/smtp/replies.ts'
import type { Judgement } from '../../src/verdict/judgement.ts'
import { scripted } from '../judge/scripted.ts'
import { Client, playOn } from '../support/dialogue.ts'
import { defaultPeer } from '../support/machine.ts'
import { MemoryLedger } from '../support/memory-ledger.ts'

async function configured(): Promise<Config> {
  const directory = await mkdtemp(join(tmpdir(), 'rcptwise-judge-'))
  const file = join(directory, 'config.yaml')
  await writeFile(file, 'hostname: mx.test\n')
  const loaded = loadConfig(file)
  await rm(directory, { recursive: true })
  if (!loaded.ok) throw new Error('the configuration of this test is wrong')
  return loaded.config
}

/** Takes everything, and keeps the texts. */
const keeping = (texts: string[]): SessionParts['backend'] => {
  return {
    extensions: () => new Map(),
    mayHold: () => true,
    begin: (_id, listener) => ({
      mail: () => listener.mailReplied(replies.senderOk),
      rcpt: (index) => listener.recipientReplied(index, replies.recipientOk),
      deliver: ({ parcels }, text, told) =>
        void Promise.all(
          parcels.map(async ({ edits }) => await octetsOf(revised(text, edits))),
        ).then((read) => {
          texts.push(...read)
          told.delivered(parcels.map(() => ({ reply: replies.ok, own: new Map(), ms: 0 })))
        }),
      committing: false,
      abandon: () => undefined,
    }),
  }
}

async function octetsOf(text: TextSource): Promise<string> {
  const read: Buffer[] = []
  for await (const chunk of text.chunks()) read.push(chunk)
  return Buffer.concat(read).toString('latin1')
}

function judgementOf(text: string): Judgement {
  if (text.includes('virus'))
    return {
      kind: 'judged',
      symbols: [],
      opinion: { verdict: 'reject', reply: { code: 554, lines: ['5.7.9 a virus'] } },
    }
  const edits = checkEdits([
    { do: 'remove', nth: 0, name: 'X-Old' },
    { do: 'add', name: 'X-Judged', value: ' yes' },
  ])
  if ('failed' in edits) throw new Error(edits.failed)
  return { kind: 'judged', symbols: ['FINE'], edits }
}

test('a text is refused in its words, and another one arrives as it has changed it', async () => {
  const config = await configured()
  const texts: string[] = []
  const facts: Fact[] = []
  const onFact = (fact: Fact): unknown => facts.push(fact)
  const ended = Promise.withResolvers<undefined>()
  const judge = scripted({ judge: judgementOf, slow: 3 })
  const options = connectionOptions(
    {
      config,
      backend: keeping(texts),
      policies: policiesFrom({ policies: [], aliases: [] }, config, { onFact, now: Date.now }),
      ledger: Object.assign(new MemoryLedger(), {
        crowded: () => undefined,
        overrides: () => [],
      }) as unknown as Ledger,
      judges: [{ judge, onFailure: 'accept' }],
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
    const connection = options({ address: '127.0.0.1', port: 1 }, { takes: () => undefined })
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
    await playOn(
      client,
      `
    S: 220 *
    C: HELO client.test
    S: 250 mx.test
    C: MAIL FROM:<s@example.net>
    S: 250 *
    C: RCPT TO:<a@example.org>
    S: 250 *
    C: DATA
    S: 354 *
    C: Subject: virus
    C:
    C: .
    S: 554 5.7.9 a virus
    C: MAIL FROM:<s@example.net>
    S: 250 *
    C: RCPT TO:<a@example.org>
    S: 250 *
    C: DATA
    S: 354 *
    C: Subject: x
    C: X-Old: 1
    C:
    C: hello
    C: .
    S: 250 *
    C: QUIT
    S: 221 *
    S: <end>
    `,
    )
  } finally {
    client.close()
    await ended.promise
    await new Promise<void>((resolve) => server.close(() => resolve()))
  }
  expect(judge.read).toEqual(['Subject: virus\r\n\r\n', 'Subject: x\r\nX-Old: 1\r\n\r\nhello\r\n'])
  expect(texts).toEqual([
    expect.stringMatching(/^(?:Received: [^]*\r\n)?Subject: x\r\nX-Judged: yes\r\n\r\nhello\r\n$/),
  ])
  expect(facts.filter(({ kind }) => kind === 'judged')).toMatchObject([
    { judge: 'scripted', result: 'forced' },
    { judge: 'scripted', result: 'silent' },
  ])
})
