import { tmpdir } from 'node:os'
import { expect, test, vi } from 'vitest'
import type { EnvelopeListener } from '../../src/backend/backend.ts'
import type { Fact } from '../../src/facts/fact.ts'
import type { Judge } from '../../src/judge/judge.ts'
import { silentJudge } from '../../src/judge/silent.ts'
import type { Judgement } from '../../src/verdict/judgement.ts'
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
      backend: { begin: () => ({ abandon: () => undefined }), mayHold: () => false },
      judges: chainOf(slow),
      spool: { memoryBytes: 1000, directory: tmpdir() },
      replyTimeoutMs: 5000,
      onFact: (fact: Fact) => facts.push(fact),
      now: () => Date.now(),
    } as unknown as RunnerParts
    const runner = new TransactionRunner(
      'x.1',
      parts,
      {},
      { tell: (event) => told.push(event), onDrain: () => undefined },
    )
    runner.startText({ fingerprint: false, streamable: false, judged: { ...envelope, id: 'x.1' } })
    runner.text(Buffer.from('Subject: x\r\n\r\n'), false)
    const endedAt = Date.now()
    runner.endText(14, undefined)
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
    runner.abandon()
  } finally {
    vi.useRealTimers()
  }
})
