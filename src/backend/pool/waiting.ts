/**
 * Those who wait for a connection, in the order in which they came. Owns their timers. Serves none
 * of them (pool.ts).
 */
import type { Borrower, Borrowing } from './lending.ts'
import type { Room } from '../endpoints/room.ts'

export interface Request {
  readonly wanted: Borrowing
  readonly borrower: Borrower
  /** When it began to wait, in ms that only grow. */
  readonly since: number
  /** One is being opened for it; else it waits until one is given back, or there is room. */
  opening: boolean
  /** Until when it waits for room, once it had to. */
  until?: number
  timer?: NodeJS.Timeout | undefined
  /** Where it waits for a server that is full, as other processes were told. */
  at: readonly Room[]
}

export const requestFor = (wanted: Borrowing, borrower: Borrower): Request => ({
  wanted,
  borrower,
  since: performance.now(),
  opening: false,
  at: [],
})

export interface WaitingOptions {
  /** How long one waits for room. */
  readonly limitMs: number
  /** It has waited for as long as that. */
  readonly onLate: (request: Request) => void
  /** Time may have made room where there was none. */
  readonly onTime: () => void
}

/**
 * An opening that takes longer than this may wait in a queue of the server's, behind the
 * connections that we have to it.
 */
export const slowMs = 500
/** Between two looks whether a server that was full has room. */
const lookMs = 200

export class Waiting implements Iterable<Request> {
  readonly #options: WaitingOptions
  readonly #requests = new Set<Request>()
  #looking: NodeJS.Timeout | undefined

  constructor(options: WaitingOptions) {
    this.#options = options
  }

  /** Nothing happens when it waits already. */
  add(request: Request): void {
    this.#requests.add(request)
  }

  has(request: Request): boolean {
    return this.#requests.has(request)
  }

  get size(): number {
    return this.#requests.size
  }

  [Symbol.iterator](): Iterator<Request> {
    return this.#requests.values()
  }

  /** It can't go on before there is room at one of `endpoints`, or one is given back. */
  wait(request: Request, endpoints: readonly { readonly room: Room }[]): void {
    const now = performance.now()
    const { limitMs, onLate } = this.#options
    request.until ??= now + limitMs
    request.timer ??= setTimeout(() => onLate(request), request.until - now)
    if (request.at.length > 0) return
    request.at = endpoints.flatMap(({ room }) => (room.limit === Infinity ? [] : [room]))
    for (const room of request.at) room.want(1)
    if (request.at.length > 0) this.#look()
  }

  /** It is being served. */
  rest(request: Request): void {
    clearTimeout(request.timer)
    request.timer = undefined
    for (const room of request.at) room.want(-1)
    request.at = []
  }

  remove(request: Request): void {
    this.rest(request)
    this.#requests.delete(request)
  }

  /** How many can't go on without a connection that another one has. */
  urgent(): number {
    const slow = performance.now() - slowMs
    return [...this.#requests].filter(({ opening, since }) => !opening || since < slow).length
  }

  #look(): void {
    this.#looking ??= setTimeout(() => {
      this.#looking = undefined
      this.#options.onTime()
      if ([...this.#requests].some(({ at }) => at.length > 0)) this.#look()
    }, lookMs)
  }

  /** Nobody waits for room any more. */
  close(): void {
    clearTimeout(this.#looking)
  }
}
