/** Which message it is can be told of every text that has come whole, wherever its octets went. */
import { tmpdir } from 'node:os'
import { expect, test } from 'vitest'
import { type IntakeParts, MessageIntake } from '../../src/listen/message-intake.ts'
import { createFingerprint } from '../../src/split/fingerprint.ts'
import { silentJudge } from '../../src/judge/silent.ts'
import { chainOf } from '../judge/chain-of.ts'
import { envelope } from '../judge/envelope.ts'

const header = 'Message-ID: <1@x.test>\r\nSubject: x\r\n\r\n'
const text = Buffer.from(header + '0123456789abcdef\r\n'.repeat(10_000))
const chunkBytes = 16 * 1024
const chunks = Array.from({ length: Math.ceil(text.length / chunkBytes) }, (_, i) =>
  text.subarray(i * chunkBytes, (i + 1) * chunkBytes),
)

function expected(): ReturnType<MessageIntake['identify']> {
  const fingerprint = createFingerprint()
  fingerprint.push(text)
  return fingerprint.end()
}

type Course = 'kept' | 'streamed' | 'answered before its end'

test.each([
  ['in memory', 1_000_000, 'kept', false],
  ['in memory, wanted from the beginning', 1_000_000, 'kept', true],
  ['in a file', 1000, 'kept', false],
  ['passed on, and kept', 1_000_000, 'streamed', false],
  ['passed on, half of it kept', 100_000, 'streamed', false],
  ['passed on, and answered before its end', 1_000_000, 'answered before its end', false],
  ['passed on, half of it kept, answered before', 50_000, 'answered before its end', false],
] satisfies [string, number, Course, boolean][])(
  'a text %s',
  async (_where, memoryBytes, course, fingerprint) => {
    const ended = Promise.withResolvers<undefined>()
    const parts: IntakeParts = {
      judges: chainOf(silentJudge('silent')),
      spool: { memoryBytes, directory: tmpdir() },
      backend: { mayHold: () => true },
      onFact: () => undefined,
      now: () => 0,
    }
    const intake = new MessageIntake(
      parts,
      { fingerprint, streamable: course !== 'kept', judged: { ...envelope, id: 'x.1' } },
      {
        tell: (event) => {
          if (event.kind === 'textEnded') ended.resolve(undefined)
        },
        onDrain: () => undefined,
      },
    )
    if (course !== 'kept') intake.stream()
    const reading = course === 'kept' ? undefined : readAll(intake)
    for (const [i, chunk] of chunks.entries()) {
      intake.push(chunk, true)
      await new Promise(setImmediate)
      if (course === 'answered before its end' && i === 7) intake.forgetRest()
    }
    expect(intake.identify()).toBeUndefined()
    intake.end({ sizeBytes: text.length, endedAt: 0 }, undefined)
    await ended.promise
    expect(intake.identify()).toEqual(expected())
    intake.abandon()
    await reading
  },
)

/** As a backend does, until it is stopped. */
async function readAll(intake: MessageIntake): Promise<void> {
  try {
    for await (const chunk of intake.text.chunks()) expect(chunk.length).toBeGreaterThan(0)
  } catch (error) {
    expect(String(error)).toContain('not complete')
  }
}
