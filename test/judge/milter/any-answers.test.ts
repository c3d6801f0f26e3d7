/**
 * Whatever a filter answers, and wherever its octets are cut: a conversation ends with an outcome or
 * a failure that has a name, and what is changed has passed the guard.
 */
import fc from 'fast-check'
import { expect, it } from 'vitest'
import { changedBy } from '../../../src/judge/milter/changes.ts'
import { Conversation, type Next } from '../../../src/judge/milter/conversation.ts'
import { envelopeEvents } from '../../../src/judge/milter/text-events.ts'
import { encodeFrame, FrameReader } from '../../../src/judge/milter/wire.ts'
import { possibleEdits } from '../../../src/judge/possible-edits.ts'
import { checkEdits } from '../../../src/message/edits.ts'
import { cut, cuts } from '../../smtp/splits.ts'
import { envelope } from '../envelope.ts'

const codes = fc.constantFrom(...Array.from('cccarrtydspf4hhiimmbb+2-eqzO'))
const octets = fc.oneof(
  fc.uint8Array({ maxLength: 30 }).map((some) => Buffer.from(some)),
  fc
    .array(
      fc.constantFrom('X-A', 'Subject', '\0', '\r\n', ' ', '%', '550 5.7.1 no', '\0\0\0\x01'),
      {
        maxLength: 6,
      },
    )
    .map((some) => Buffer.from(some.join(''), 'latin1')),
)
const frames = fc.array(fc.tuple(codes, octets), { maxLength: 12 })

it('any answers end in an outcome or a named failure, and no edit breaks out of its field', () => {
  fc.assert(
    fc.property(frames, cuts, fc.integer({ min: 0, max: 0x1f_ffff }), (said, places, protocol) => {
      const reader = new FrameReader()
      const wire = Buffer.concat(said.map(([code, data]) => encodeFrame(code, data)))
      for (const piece of cut(wire, places)) reader.push(piece)
      const conversation = new Conversation(
        envelope,
        { version: 6, protocol, macros: new Map() },
        'Rcptwise 0',
      )
      let next = 'tell' as Next
      const hear = (): void => {
        do {
          const frame = reader.next()
          if (frame === undefined) return
          next = 'failed' in frame ? frame : conversation.hear(frame)
        } while (next === 'hear')
      }
      for (const event of [
        ...envelopeEvents(envelope),
        { event: 'end' as const, data: Buffer.alloc(0) },
      ]) {
        if (next !== 'tell' || !conversation.wants(event.event)) continue
        conversation.tell(event)
        if (conversation.awaitsAnswer) hear()
      }
      if (typeof next === 'object') expect((next as { failed: string }).failed).not.toBe('')
      const { opinion, own, changes } = conversation.outcome
      for (const { verdict, reply } of [...(opinion ? [opinion] : []), ...own.values()])
        if (reply !== undefined) {
          expect(Math.floor(reply.code / 100)).toBe(verdict === 'reject' ? 5 : 4)
          expect(reply.lines.join('')).not.toMatch(/[\r\n\0]/)
        }
      const { edits } = possibleEdits(changedBy(changes, false).edits)
      if (edits !== undefined) expect(checkEdits(edits.list)).not.toHaveProperty('failed')
    }),
    { numRuns: 20_000, interruptAfterTimeLimit: 20_000 },
  )
})
