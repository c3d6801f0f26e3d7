import { expect, test } from 'vitest'
import type { EnvelopeListener } from '../../src/backend/backend.ts'
import { type RunnerParts, TransactionRunner } from '../../src/listen/transaction-runner.ts'
import type { Event } from '../../src/session/effects.ts'

test('what the backend says of a transaction that is over is not told: it would answer the next one', () => {
  const heard: EnvelopeListener[] = []
  const told: Event[] = []
  const backend = {
    begin: (listener: EnvelopeListener) => {
      heard.push(listener)
      return { mail: () => undefined, abandon: () => undefined }
    },
  }
  const parts = { backend, now: () => 0 } as unknown as RunnerParts
  const runner = new TransactionRunner(parts, {}, { tell: (event) => told.push(event), onDrain: () => undefined })
  const reply = { code: 250, lines: ['Ok'] } as const
  heard[0]?.mailReplied(reply)
  runner.abandon()
  heard[0]?.mailReplied(reply)
  heard[0]?.recipientReplied(0, reply)
  expect(told).toEqual([{ kind: 'mailReplied', at: 0, reply }])
})
