/**
 * What happens, as it happens. One stream a page, and none while nobody looks at it: a browser has
 * few connections to one host.
 */
import { reached } from './api.ts'
import { verbs } from './happened.ts'
import { EventReader, type StreamEvent } from './event-reader.ts'

/** All that is seldom; the rest is counted in `totals`. */
const kinds = ['hello', 'totals', 'gap', 'reset', ...Object.keys(verbs)]

export type OnEvent = (event: StreamEvent) => void

/** A comment comes each 15 seconds: what says nothing for longer than this is dead. */
const patienceMs = 40_000
const pauseMs = 2000

export function readEvents(onEvent: OnEvent): void {
  let lastId = ''
  let reading: AbortController | undefined
  const read = async (end: AbortController): Promise<void> => {
    let alive = setTimeout(() => end.abort(), patienceMs)
    try {
      const response = await reached(`api/v1/events?kinds=${kinds.join(',')}`, {
        signal: end.signal,
        cache: 'no-store',
        headers: lastId === '' ? {} : { 'last-event-id': lastId },
      })
      if (!response.ok || response.body === null) return
      const reader = new EventReader()
      const text = response.body.pipeThrough(new TextDecoderStream())
      for await (const piece of piecesOf(text)) {
        clearTimeout(alive)
        alive = setTimeout(() => end.abort(), patienceMs)
        for (const event of reader.take(piece)) {
          if (event.id !== '') lastId = event.id
          onEvent(event)
        }
      }
    } catch {
      // It is gone, and tried again.
    } finally {
      clearTimeout(alive)
    }
  }
  const again = async (): Promise<void> => {
    while (!document.hidden) {
      const end = new AbortController()
      reading = end
      await read(end)
      reading = undefined
      await new Promise((resolve) => setTimeout(resolve, pauseMs * (1 + Math.random())))
    }
    running = false
  }
  let running = false
  const begin = (): void => {
    if (document.hidden) reading?.abort()
    else if (!running) {
      running = true
      void again()
    }
  }
  document.addEventListener('visibilitychange', begin)
  begin()
}

async function* piecesOf(stream: ReadableStream<string>): AsyncGenerator<string> {
  const reader = stream.getReader()
  for (;;) {
    const { done, value } = await reader.read()
    if (done) return
    yield value
  }
}
