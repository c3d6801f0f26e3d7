import { tmpdir } from 'node:os'
import { expect, test, vi } from 'vitest'
import type { EnvelopeListener } from '../../src/backend/backend.ts'
import type { Fact } from '../../src/facts/fact.ts'
import type { Judge } from '../../src/judge/judge.ts'
import { silentJudge } from '../../src/judge/silent.ts'
import type { Judgement } from '../../src/verdict/judgement.ts'
import { MessageFlow } from '../../src/listen/message-flow.ts'
import { type RunnerParts, TransactionRunner } from '../../src/listen/transaction-runner.ts'
import type { Event } from '../../src/session/effects.ts'
import { chainOf } from '../judge/chain-of.ts'
import { envelope } from '../judge/envelope.ts'

test('what the backend says of a transaction that is over is not told: it would answer the next one', () => {
  const heard: EnvelopeListener[] = []
  const told: Event[] = []
  const backend = {
    begin: (_id: string, listener: EnvelopeListener) => {
      heard.push(listener)
      return { mail: () => undefined, abandon: () => undefined }
    },
  }
  const parts = { backend, now: () => 0 } as unknown as RunnerParts
  const runner = new TransactionRunner(
    'x.1',
    parts,
    {},
    { tell: (event) => told.push(event), onDrain: () => undefined },
  )
  const reply = { code: 250, lines: ['Ok'] } as const
  heard[0]?.mailReplied(reply)
  runner.abandon()
  heard[0]?.mailReplied(reply)
  heard[0]?.recipientReplied(0, reply)
  expect(told).toEqual([{ kind: 'mailReplied', at: 0, reply }])
})

test('a judge that does not answer in time: the machine is told with the size of the text, the judge is let go, and counts as failed', async () => {
  vi.useFakeTimers()
  try {
    const told: Event[] = []
    const facts: Fact[] = []
    const signals: AbortSignal[] = []
    const slow: Judge = {
      ...silentJudge('slow'),
      message: () => ({
        way: 'reads',
        judge: async (_text, signal) => {
          signals.push(signal)
          return await new Promise<Judgement>(() => undefined)
        },
      }),
    }
    const parts = {
      backend: {
        begin: () => ({ mail: () => undefined, abandon: () => undefined }),
        mayHold: () => false,
      },
      ledger: { crowded: () => undefined },
      judges: chainOf(slow),
      spool: { memoryBytes: 1000, directory: tmpdir() },
      replyTimeoutMs: 5000,
      onFact: (fact: Fact) => facts.push(fact),
      now: () => Date.now(),
    } as unknown as RunnerParts
    const flow = new MessageFlow(
      {
        runner: parts,
        text: { bareNewlines: 'reject', maxBytes: 1e6, maxLineBytes: 1e3, maxHeaderBytes: 1e5 },
        commandLineBytes: 512,
        textMinimumRate: 1,
        timeouts: { textMs: 10_000 },
        now: () => Date.now(),
      },
      {
        tell: (event) => told.push(event),
        attributes: () => ({}),
        hold: () => undefined,
        goOn: () => undefined,
      },
    )
    const opener = { reversePath: 'a@b.test', client: 'b.test' }
    flow.begin({ do: 'begin', id: 'x.1', mail: '<a@b.test>', each: false, withRcpt: true, opener })
    const judged = { ...envelope, id: 'x.1' }
    flow.receive({ do: 'receiveText', fingerprint: false, streamable: false, judged })
    flow.octets.push(Buffer.from('Subject: x\r\n\r\n.\r\n'))
    const endedAt = Date.now()
    await vi.advanceTimersByTimeAsync(4999)
    expect(told).toEqual([])
    await vi.advanceTimersByTimeAsync(1)
    expect(told).toEqual([{ kind: 'answerTimedOut', at: endedAt + 5000, sizeBytes: 14, endedAt }])
    const why = 'no answer in time (timeouts.reply)'
    expect(facts).toEqual([
      {
        kind: 'judged',
        transaction: 'x.1',
        at: endedAt + 5000,
        judge: 'slow',
        result: 'failed',
        ms: 5000,
        why,
      },
    ])
    expect(signals.map(({ aborted }) => aborted)).toEqual([true])
    flow.end()
    expect(vi.getTimerCount()).toBe(0)
  } finally {
    vi.useRealTimers()
  }
})
