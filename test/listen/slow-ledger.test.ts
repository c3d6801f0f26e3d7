/**
 * A ledger that gives promises: nothing is told before what was deferred is written, and nothing is
 * lost when the session ends meanwhile.
 */
import { createServer } from 'node:net'
import { expect, test } from 'vitest'
import { chainOf } from '../judge/chain-of.ts'
import { headersJudge } from '../../src/judge/headers.ts'
import type { Ledger } from '../../src/ledger/ledger.ts'
import { Connection } from '../../src/listen/connection.ts'
import { replies } from '../../src/smtp/replies.ts'
import type { Client } from '../support/dialogue.ts'
import { Machine, policies } from '../support/machine.ts'
import { MemoryLedger } from '../support/memory-ledger.ts'
import { open, pipeline, untilEnd } from '../support/session.ts'

test('the client hears of a deferral once it is written, and of QUIT behind it', async () => {
  const memory = new MemoryLedger()
  const saving: (() => void)[] = []
  const ledger: Pick<Ledger, 'openOf' | 'recall' | 'save' | 'crowded'> = {
    crowded: () => undefined,
    openOf: () => 'many',
    recall: (sender, recipient) => memory.recall(sender, recipient),
    save: async (split) => {
      await new Promise<void>((resolve) => saving.push(resolve))
      return { saved: memory.save(split) }
    },
  }
  const recipients = { 'a@example.org': policies.tagOnly, 'b@example.org': policies.strict }
  const { options, oracle, client: from } = new Machine({ recipients }).session
  let ended = 0
  const server = createServer({ allowHalfOpen: true }, (socket) => {
    new Connection(socket, {
      start: { id: 'x', options, client: from, peerName: 'default' },
      oracle: () => oracle,
      runner: {
        backend: {
          extensions: () => new Map(),
          begin: (_id, listener) => ({
            mail: () => listener.mailReplied(replies.senderOk),
            rcpt: (index) => listener.recipientReplied(index, replies.recipientOk),
            deliver: (order, _text, listener) =>
              listener.delivered(
                order.parcels.map(() => ({ reply: replies.ok, own: new Map(), ms: 0 })),
              ),
            committing: false,
            abandon: () => undefined,
          }),
          mayHold: () => true,
        },
        voucher: {
          vouchFor: async () =>
            await Promise.resolve({ kind: 'unvouched', why: 'nobody was asked' }),
        },
        bounces: {
          begin: () => {
            throw new Error('nothing is reported here')
          },
        },
        openLimits: { all: 100, perSender: 100, bytesPerSender: 100_000, perClient: 100 },
        policies: {
          policiesFor: (addresses) =>
            addresses.map((address) => ({
              kind: 'found',
              policy: recipients[address === 'b@example.org' ? address : 'a@example.org'],
            })),
        },
        ledger: ledger as Ledger,
        judges: chainOf(headersJudge({ field: 'X-Spam-Score', believes: () => true })),
        spool: { memoryBytes: 1_000_000, directory: '/nonexistent' },
        replyTimeoutMs: 10_000,
        underWayMs: 1000,
        onFact: () => undefined,
        now: () => 1000,
      },
      ledger: ledger as Ledger,
      tls: undefined,
      ownEnd: { address: '127.0.0.1', port: 2525 },
      text: { bareNewlines: 'reject', maxBytes: 1e6, maxLineBytes: 1e6, maxHeaderBytes: 1e6 },
      textMinimumRate: 1,
      commandLineBytes: 2048,
      timeouts: { commandMs: 10_000, textMs: 10_000 },
      onFact: () => undefined,
      now: () => 1000,
      onEnd: () => ended++,
    }).greet()
  })
  await new Promise<void>((resolve) => server.listen({ port: 0, host: '127.0.0.1' }, resolve))
  const address = server.address()
  const client: Client = await open(
    typeof address === 'object' && address !== null ? address.port : 0,
  )
  try {
    const said = pipeline(
      client,
      'MAIL FROM:<s@example.net>',
      'RCPT TO:<a@example.org>',
      'RCPT TO:<b@example.org>',
      'DATA',
    )
    let told = false
    void said.then(() => (told = true))
    await expect.poll(() => saving.length).toBe(1)
    await new Promise((resolve) => setTimeout(resolve, 50))
    expect(told).toBe(false)
    saving.shift()?.()
    expect((await said).map((line) => line.slice(0, 3))).toEqual(['250', '250', '451', '354'])
    expect(memory.open).toHaveLength(1)
    client.send('hello\r\n.\r\nQUIT\r\n')
    await expect.poll(() => saving.length).toBe(1)
    saving.shift()?.()
    expect((await untilEnd(client)).map((line) => line.slice(0, 3))).toEqual(['250', '221'])
  } finally {
    client.close()
    await new Promise<void>((resolve) => server.close(() => resolve()))
  }
  await expect.poll(() => ended).toBe(1)
})
