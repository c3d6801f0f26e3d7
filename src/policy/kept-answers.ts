/**
 * Answers that are kept, each with its times; who was asked for longest ago goes first. A million
 * of them may be kept, and V8 looks at each object in one pause when it collects its whole heap: so
 * the times are in arrays of numbers, and answers that say the same are one object.
 */
import { ByAge } from './by-age.ts'
import type { Answer } from './policy-source.ts'

export interface Kept<Found> {
  readonly answer: Answer<Found>
  readonly until: number
  readonly staleUntil: number
  /** How often the cache had been renewed by then. */
  readonly renewal: number
}

/** What is kept of one answer, in `#numbers`. */
const perAnswer = 3
const firstRoom = 64

export class KeptAnswers<Found extends { readonly kind: string }> {
  readonly #places = new Map<string, number>()
  readonly #byAge = new ByAge()
  readonly #most: number
  readonly #same: SameAnswers<Found>
  /** By place, as everything below. */
  #keys: string[] = []
  #answers: (Answer<Found> | undefined)[] = []
  #numbers = new Float64Array(firstRoom * perAnswer)
  /** Places that nothing is kept in. */
  #free: number[] = []

  /** `most`: how many it keeps. */
  constructor(most: number, same: SameAnswers<Found>) {
    this.#most = most
    this.#same = same
  }

  get(key: string): Kept<Found> | undefined {
    const place = this.#places.get(key)
    const answer = place === undefined ? undefined : this.#answers[place]
    if (place === undefined || answer === undefined) return undefined
    const at = place * perAnswer
    return {
      answer,
      until: this.#numberAt(at),
      staleUntil: this.#numberAt(at + 1),
      renewal: this.#numberAt(at + 2),
    }
  }

  /** It is the last that goes now. */
  touch(key: string): void {
    const place = this.#places.get(key)
    if (place === undefined) return
    this.#byAge.remove(place)
    this.#byAge.add(place)
  }

  set(key: string, { answer, until, staleUntil, renewal }: Kept<Found>): void {
    const place = this.#placeFor(key)
    this.#answers[place] = this.#same.of(answer)
    const at = place * perAnswer
    this.#numbers[at] = until
    this.#numbers[at + 1] = staleUntil
    this.#numbers[at + 2] = renewal
    const { oldest } = this.#byAge
    if (this.#places.size > this.#most && oldest !== undefined)
      this.delete(this.#keys[oldest] ?? key)
  }

  delete(key: string): void {
    const place = this.#places.get(key)
    if (place === undefined) return
    this.#places.delete(key)
    this.#byAge.remove(place)
    this.#keys[place] = ''
    this.#answers[place] = undefined
    this.#free.push(place)
  }

  clear(): void {
    this.#places.clear()
    this.#byAge.clear()
    this.#keys = []
    this.#answers = []
    this.#free = []
  }

  /** The newest from now on. */
  #placeFor(key: string): number {
    const before = this.#places.get(key)
    const place = before ?? this.#free.pop() ?? this.#keys.length
    if (before === undefined) this.#places.set(key, place)
    else this.#byAge.remove(place)
    this.#byAge.add(place)
    this.#keys[place] = key
    if ((place + 1) * perAnswer > this.#numbers.length) this.#grow()
    return place
  }

  #numberAt(index: number): number {
    return this.#numbers[index] ?? 0
  }

  #grow(): void {
    const larger = new Float64Array(this.#numbers.length * 2)
    larger.set(this.#numbers)
    this.#numbers = larger
  }
}

/** Names of policies come from a source, which may have any. */
const mostNames = 1000

/** One object for all recipients who have a policy of the same name. */
export class SameAnswers<Found extends { readonly kind: string }> {
  readonly #named = new Map<string, Answer<Found>>()

  /** Names that are known. */
  get size(): number {
    return this.#named.size
  }

  of(answer: Answer<Found>): Answer<Found> {
    if (answer.kind !== 'named' || !('name' in answer) || typeof answer.name !== 'string')
      return answer
    const known = this.#named.get(answer.name)
    if (known === undefined && this.#named.size < mostNames) this.#named.set(answer.name, answer)
    return known ?? answer
  }
}
