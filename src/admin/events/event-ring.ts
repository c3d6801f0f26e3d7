/**
 * The latest events, for readers that come back: as many as fit. A reader holds only its place in
 * here, so that one that reads slowly costs no more than one that does not.
 */
import { frameOf, type LiveEvent, positionText } from './frame.ts'

interface Kept {
  readonly name: string
  readonly frame: string
}

/** What follows a reader's place. */
export interface Following {
  /** Frames, one behind the other; empty when there are none yet. */
  readonly text: string
  /** The number of the last of them; where the reader is then. */
  readonly last: number
  /** Events between its place and the first of these that are not kept any more. */
  readonly lost: number
}

/** Names to be read; undefined: all. */
export type Wanted = ReadonlySet<string> | undefined

/** Removed in one go, once as many are not needed any more: each costs a share of one move. */
const compactedAt = 1024

export class EventRing {
  readonly #epoch: string
  readonly #mostOctets: number
  #kept: Kept[] = []
  /** Of `#kept`: those before it are gone. */
  #head = 0
  /** The number of the event at the head. */
  #first = 1
  #octets = 0
  /** What was asked for last, since readers who keep up ask for the same. */
  #asked:
    | { readonly after: number; readonly mostOctets: number; readonly following: Following }
    | undefined

  constructor(epoch: string, mostOctets: number) {
    this.#epoch = epoch
    this.#mostOctets = mostOctets
  }

  /** The number of the last event; 0 before the first one. */
  get last(): number {
    return this.#first + this.size - 1
  }

  get size(): number {
    return this.#kept.length - this.#head
  }

  /** Characters, which are octets but for what is not ASCII. */
  get octets(): number {
    return this.#octets
  }

  add(event: LiveEvent): void {
    const frame = frameOf(event, positionText({ epoch: this.#epoch, number: this.last + 1 }))
    this.#kept.push({ name: event.name, frame })
    this.#octets += frame.length
    this.#asked = undefined
    while (this.#octets > this.#mostOctets) this.#removeFirst()
  }

  /** Something happened that nobody has heard of: who was here before has missed it. */
  skip(): void {
    this.#first = this.last + 2
    this.#kept = []
    this.#head = 0
    this.#octets = 0
    this.#asked = undefined
  }

  /** What comes after a number, of at most so many octets, but one event if there is one. */
  after(number: number, mostOctets: number, wanted: Wanted): Following {
    if (wanted !== undefined) return this.#collect(number, mostOctets, wanted)
    if (this.#asked?.after === number && this.#asked.mostOctets === mostOctets)
      return this.#asked.following
    const following = this.#collect(number, mostOctets, undefined)
    this.#asked = { after: number, mostOctets, following }
    return following
  }

  #collect(number: number, mostOctets: number, wanted: Wanted): Following {
    const lost = Math.max(0, this.#first - number - 1)
    const frames: string[] = []
    let octets = 0
    let last = number + lost
    while (last < this.last) {
      const { name, frame } = this.#at(last + 1)
      if (wanted === undefined || wanted.has(name)) {
        if (frames.length > 0 && octets + frame.length > mostOctets) break
        frames.push(frame)
        octets += frame.length
      }
      last++
    }
    return { text: frames.join(''), last, lost }
  }

  #at(number: number): Kept {
    const kept = this.#kept[this.#head + number - this.#first]
    if (kept === undefined) throw new RangeError(`event ${number} is not kept`)
    return kept
  }

  #removeFirst(): void {
    this.#octets -= this.#at(this.#first).frame.length
    this.#head++
    this.#first++
    if (this.#head < compactedAt || this.#head < this.size) return
    this.#kept = this.#kept.slice(this.#head)
    this.#head = 0
  }
}
