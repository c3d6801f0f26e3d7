/** The listeners of a process: one for each entry of the configuration. */
import type { ConfiguredListener } from '../config/config.ts'
import type { Listener, ListenerOptions } from '../listen/listener.ts'
import type { Generation, Serving } from './generation.ts'

/** How the socket of an entry comes to be: opened here unless one is given. */
export type SocketOf = (
  key: string,
  index: number,
) => Pick<ListenerOptions, 'descriptor' | 'handle' | 'afterAccept'>

export interface ListenersOptions {
  readonly serving: (generation: Generation, entry: ConfiguredListener) => Serving
  readonly socketOf: SocketOf
  /** Opens what needs root. */
  readonly open: (options: ListenerOptions) => Promise<Listener>
}

interface Open {
  readonly key: string
  readonly listener: Listener
}

/**
 * What an entry is known by from one configuration to the next: its address; of equal ones the
 * first, the second, …
 */
export function keysOf(entries: readonly ConfiguredListener[]): readonly string[] {
  const seen = new Map<string, number>()
  return entries.map(({ host, port }) => {
    const address = `${host}:${port}`
    const before = seen.get(address) ?? 0
    seen.set(address, before + 1)
    return before === 0 ? address : `${address}#${before}`
  })
}

export class Listeners {
  readonly #options: ListenersOptions
  #open: readonly Open[] = []
  /** No longer wanted; their sessions go on to their end. */
  readonly #leaving = new Set<Listener>()

  constructor(options: ListenersOptions) {
    this.#options = options
  }

  get all(): readonly Listener[] {
    return this.#open.map(({ listener }) => listener)
  }

  /**
   * Serves with this generation from now on: opens what is new, keeps what is open, leaves what is
   * not wanted any more. Rejects, and leaves everything as it was, when something can't be opened.
   */
  async use(generation: Generation): Promise<void> {
    const { serving, socketOf, open } = this.#options
    const entries = generation.config.listen
    const before = new Map(this.#open.map((each) => [each.key, each]))
    const opened: Open[] = []
    const next: Open[] = []
    try {
      for (const [index, key] of keysOf(entries).entries()) {
        const entry = entries[index]
        if (entry === undefined) continue
        const known = before.get(key)
        if (known !== undefined) {
          next.push(known)
          continue
        }
        const { host, port } = entry
        const listener = await open({
          host,
          port,
          ...socketOf(key, index),
          ...serving(generation, entry),
        })
        opened.push({ key, listener })
        next.push({ key, listener })
      }
    } catch (error) {
      await Promise.all(opened.map(async ({ listener }) => await listener.close(0)))
      throw error
    }
    for (const [index, { key, listener }] of next.entries()) {
      const entry = entries[index]
      if (entry !== undefined && before.delete(key)) listener.serve(serving(generation, entry))
    }
    this.#open = next
    for (const { listener } of before.values()) this.#leave(listener)
  }

  #leave(listener: Listener): void {
    this.#leaving.add(listener)
    void listener.leave().then(() => this.#leaving.delete(listener))
  }

  /** Ends them all; sessions may finish within the limit. */
  async close(limitMs: number): Promise<void> {
    const all = [...this.all, ...this.#leaving]
    await Promise.all(all.map(async (listener) => await listener.close(limitMs)))
  }
}
