/**
 * Something that the page shows and asks for again and again. What came last stays when the
 * front-end is away, and, for this tab, over a reload of the page.
 */
import { type ApiProblem, problemOf } from './api.ts'

export interface State<Value> {
  readonly value?: Value
  /** When the value came. */
  readonly at?: number
  /** What the last question came to, if not to an answer. */
  readonly problem?: ApiProblem
}

type Listener<Value> = (state: State<Value>) => void

/** Hears of each answer and each failure, of all sources. */
export type OnAnswered = (problem: ApiProblem | undefined) => void

export interface SourceOptions<Value> {
  /** Under which it is kept for this tab; absent: it is not. */
  readonly keep?: string
  readonly everyMs: number
  readonly load: (signal: AbortSignal) => Promise<Value>
  readonly onAnswered: OnAnswered
}

const slowest = 4

export class Source<Value> {
  #state: State<Value>
  readonly #options: SourceOptions<Value>
  readonly #listeners = new Set<Listener<Value>>()
  #timer: ReturnType<typeof setTimeout> | undefined
  #asking: AbortController | undefined
  #failures = 0

  constructor(options: SourceOptions<Value>) {
    this.#options = options
    this.#state = keptIn(options.keep)
  }

  get state(): State<Value> {
    return this.#state
  }

  /** Tells at once what is known, and then each answer, until the signal ends it. */
  watch(listener: Listener<Value>, signal: AbortSignal): void {
    this.#listeners.add(listener)
    signal.addEventListener('abort', () => {
      this.#listeners.delete(listener)
      if (this.#listeners.size === 0) this.#stop()
    })
    listener(this.#state)
    if (this.#listeners.size === 1) void this.refresh()
  }

  /** Asks now, if somebody looks. */
  async refreshWatched(): Promise<void> {
    if (this.#listeners.size > 0) await this.refresh()
  }

  /** Asks now; resolves when the answer is shown. */
  async refresh(): Promise<void> {
    this.#stop()
    const asking = new AbortController()
    this.#asking = asking
    let problem: ApiProblem | undefined
    try {
      const value = await this.#options.load(asking.signal)
      if (asking.signal.aborted) return
      this.#state = { value, at: Date.now() }
      keepIn(this.#options.keep, this.#state)
    } catch (error) {
      if (asking.signal.aborted) return
      problem = problemOf(error)
      this.#state = { ...this.#state, problem }
    }
    this.#failures = problem === undefined ? 0 : this.#failures + 1
    this.#options.onAnswered(problem)
    for (const listener of this.#listeners) listener(this.#state)
    if (this.#listeners.size > 0) this.#timer = setTimeout(this.#again, this.#pauseMs())
  }

  readonly #again = (): void => {
    // Nobody looks: the browser says when somebody does (main.ts).
    if (document.hidden) this.#timer = setTimeout(this.#again, this.#options.everyMs)
    else void this.refresh()
  }

  /** A front-end that is away is asked less often, but soon again after a short restart. */
  #pauseMs(): number {
    return this.#failures === 0
      ? this.#options.everyMs
      : Math.min(1000 * this.#failures, slowest * 1000)
  }

  #stop(): void {
    clearTimeout(this.#timer)
    this.#asking?.abort()
  }
}

const prefix = 'rcptwise '

function keptIn<Value>(name: string | undefined): State<Value> {
  try {
    const text = name === undefined ? null : sessionStorage.getItem(prefix + name)
    return text === null ? {} : (JSON.parse(text) as State<Value>)
  } catch {
    return {}
  }
}

function keepIn<Value>(name: string | undefined, { value, at }: State<Value>): void {
  if (name === undefined) return
  try {
    sessionStorage.setItem(prefix + name, JSON.stringify({ value, at }))
  } catch {
    // It is full, or the browser keeps nothing: a reload begins empty.
  }
}

/** What strangers may not see after somebody has logged out. */
export function forgetKept(): void {
  for (const name of Object.keys(sessionStorage))
    if (name.startsWith(prefix)) sessionStorage.removeItem(name)
}
