/** The stream of events, however the network cuts it. */
import fc from 'fast-check'
import { expect, test } from 'vitest'
import { EventReader, type StreamEvent } from '../../src/console/event-reader.ts'
import { inWords } from '../../src/console/happened.ts'

const stream = [
  'id: e-1\nevent: hello\ndata: {"kind":"hello"}\n\n',
  ':\n\n',
  'id: e-2\nevent: totals\ndata: {"at":1}\n\n',
  'event: dropped\ndata:{"events":3}\n\n',
].join('')

test('events are whole, whatever pieces they come in', () => {
  fc.assert(
    fc.property(fc.array(fc.nat(stream.length)), (cuts) => {
      const reader = new EventReader()
      const places = [0, ...cuts.toSorted((a, b) => a - b), stream.length]
      const events: StreamEvent[] = places.flatMap((from, i) => [
        ...reader.take(stream.slice(from, places[i + 1] ?? stream.length)),
      ])
      expect(events).toEqual([
        { id: 'e-1', name: 'hello', data: '{"kind":"hello"}' },
        { id: 'e-2', name: 'totals', data: '{"at":1}' },
        { id: '', name: 'dropped', data: '{"events":3}' },
      ])
    }),
  )
})

test('an event is told in words, and what is none for a reader is not', () => {
  const data = JSON.stringify({ at: 5, peer: 'partners', strategy: 'off', by: 'ann' })
  expect(inWords({ id: '', name: 'strategyChanged', data })).toEqual({
    at: 5,
    words: 'Strategy changed: partners, off, by ann',
  })
  expect(inWords({ id: '', name: 'totals', data })).toBeUndefined()
  expect(inWords({ id: '', name: 'strategyChanged', data: '{' })).toBeUndefined()
})
