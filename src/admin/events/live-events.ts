/**
 * What happens, for those who read it as it does. Watching begins with the first reader and goes on
 * for a while after the last one, who may come back; nobody who reads slowly holds up anybody else.
 */
import { randomBytes } from 'node:crypto'
import { EventRing, type Wanted } from './event-ring.ts'
import { frameOf, heartbeat, type LiveEvent, parsePosition, positionText } from './frame.ts'

export interface LiveEventsOptions {
  /** Of events that are kept for those who come back. */
  readonly mostOctets: number
  /** Tells, beside `tell`, what is for readers alone; gives what ends that. */
  readonly watch: (told: (event: LiveEvent) => void) => () => void
  /** Of an event's name: it is told whether somebody reads or not. */
  readonly isSeldom: (name: string) => boolean
  /** What is not seldom is told from now on as well; gives what ends that. */
  readonly watchOften: () => () => void
  /** Which front-end this is: what a reader is told first. */
  readonly about: () => Readonly<Record<string, unknown>>
}

/** Between two looks of a reader: what happens within is sent together, one write a reader. */
const gatherMs = 400
/** A reader hears something at least so often. */
const heartbeatMs = 15_000
/** Watching goes on for so long after the last reader. */
const lingerMs = 60_000
/**
 * A reader then comes back with its id: what is left of a connection whose other end has gone
 * without a word does not stay.
 */
const longestMs = 10 * 60_000
/** Events that streams tell by themselves, or all the same. */
const ownNames: ReadonlySet<string> = new Set(['hello', 'reset', 'gap', 'totals'])
/** Of frames that are sent together. */
const mostSentOctets = 256 * 1024

export class LiveEvents {
  readonly #options: LiveEventsOptions
  readonly #epoch = randomBytes(6).toString('hex')
  readonly #ring: EventRing
  /** All of them, and those who want what comes often. */
  readonly #all: Watch
  readonly #often: Watch
  #gathering: NodeJS.Timeout | undefined
  /** Resolves when there is something new. */
  #news = Promise.withResolvers<undefined>()
  #closed = false

  constructor(options: LiveEventsOptions) {
    this.#options = options
    this.#ring = new EventRing(this.#epoch, options.mostOctets)
    const missed = (): void => this.#ring.skip()
    this.#all = new Watch(() => options.watch((event) => this.tell(event)), missed)
    this.#often = new Watch(options.watchOften, missed)
  }

  get readers(): number {
    return this.#all.readers
  }

  get keptOctets(): number {
    return this.#ring.octets
  }

  /** What is known here alone; kept for whoever reads, and dropped when nobody does. */
  tell(event: LiveEvent): void {
    if (!this.#all.isOn) return
    this.#ring.add(event)
    this.#gathering ??= setTimeout(() => this.#wake(), gatherMs).unref()
  }

  /**
   * From behind what the reader says it has read last; without that, from now on. Ends when the
   * signal says so.
   */
  async *read(
    lastEventId: string | undefined,
    wanted: Wanted,
    signal: AbortSignal,
  ): AsyncGenerator<string, void, undefined> {
    const watches = this.#wantsOften(wanted) ? [this.#all, this.#often] : [this.#all]
    for (const watch of watches) watch.enter()
    try {
      const { number: from, told } = this.#place(lastEventId)
      yield told
      const endsAt = performance.now() + longestMs
      let number = from
      let saidAt = performance.now()
      while (!signal.aborted && !this.#closed && performance.now() < endsAt) {
        const news = this.#news.promise
        const { text, last, lost } = this.#ring.after(number, mostSentOctets, wanted)
        const gap = lost > 0 ? this.#own('gap', number + lost, { lost }) : ''
        const said = gap + text
        if (said === '' && last === number) await soon(news, signal)
        else if (said !== '') yield said
        number = last
        if (said !== '') saidAt = performance.now()
        else if (performance.now() - saidAt >= heartbeatMs) {
          yield heartbeat
          saidAt = performance.now()
        }
      }
    } finally {
      for (const watch of watches) watch.leave()
    }
  }

  /** Readers come to their end. */
  close(): void {
    this.#closed = true
    this.#wake()
    this.#all.close()
    this.#often.close()
  }

  /** Those who name kinds may name none of those that come often. */
  #wantsOften(wanted: Wanted): boolean {
    if (wanted === undefined) return true
    return [...wanted].some((name) => !ownNames.has(name) && !this.#options.isSeldom(name))
  }

  /** Where a reader goes on, and what it is told first, with an id to come back to. */
  #place(lastEventId: string | undefined): { readonly number: number; readonly told: string } {
    const { last } = this.#ring
    const hello = (number: number): string =>
      this.#own('hello', number, { ...this.#options.about(), epoch: this.#epoch })
    if (lastEventId === undefined) return { number: last, told: hello(last) }
    const position = parsePosition(lastEventId)
    if (position?.epoch === this.#epoch && position.number <= last)
      return { number: position.number, told: hello(position.number) }
    // Of another run of serve, of another front-end, or of nobody.
    return { number: last, told: hello(last) + this.#own('reset', last, {}) }
  }

  /** Said by this stream, and not one of the events: the id is that of the event before. */
  #own(name: string, number: number, data: Readonly<Record<string, unknown>>): string {
    const id = positionText({ epoch: this.#epoch, number })
    return frameOf({ name, data: JSON.stringify({ kind: name, at: Date.now(), ...data }) }, id)
  }

  #wake(): void {
    clearTimeout(this.#gathering)
    this.#gathering = undefined
    const { resolve } = this.#news
    this.#news = Promise.withResolvers<undefined>()
    resolve(undefined)
  }
}

/** Goes on from the first reader to a while after the last one, who may come back. */
class Watch {
  readonly #begin: () => () => void
  /** What happens from now on is not heard of. */
  readonly #onRest: () => void
  #readers = 0
  #end: (() => void) | undefined
  #lingering: NodeJS.Timeout | undefined
  #closed = false

  constructor(begin: () => () => void, onRest: () => void) {
    this.#begin = begin
    this.#onRest = onRest
  }

  get readers(): number {
    return this.#readers
  }

  get isOn(): boolean {
    return this.#end !== undefined
  }

  enter(): void {
    this.#readers++
    clearTimeout(this.#lingering)
    this.#end ??= this.#begin()
  }

  leave(): void {
    this.#readers--
    if (this.#readers > 0 || this.#closed) return
    this.#lingering = setTimeout(() => {
      this.#rest()
      this.#onRest()
    }, lingerMs).unref()
  }

  close(): void {
    this.#closed = true
    clearTimeout(this.#lingering)
    this.#rest()
  }

  #rest(): void {
    this.#end?.()
    this.#end = undefined
  }
}

/** Waits for news, for the end, or until it is time for a sign of life. */
async function soon(news: Promise<undefined>, signal: AbortSignal): Promise<void> {
  const { promise, resolve } = Promise.withResolvers<undefined>()
  const wake = (): void => resolve(undefined)
  const timer = setTimeout(wake, heartbeatMs)
  signal.addEventListener('abort', wake, { once: true })
  void news.then(wake)
  if (signal.aborted) wake()
  await promise
  clearTimeout(timer)
  signal.removeEventListener('abort', wake)
}
