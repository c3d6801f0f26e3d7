/** The addresses of a configuration, bound for all workers. */
import type { Config, ListenAddress } from '../../config/config.ts'
import { keysOf } from '../listeners.ts'
import { SharedSocket } from './shared-socket.ts'

export class SharedSockets {
  readonly #byKey = new Map<string, SharedSocket>()

  /** By the key of their entry in `listen` (listeners.ts). */
  get all(): ReadonlyMap<string, SharedSocket> {
    return this.#byKey
  }

  /**
   * Binds what is not bound yet, all or nothing; gives the keys of that. `given`: descriptors that
   * are listening already, by entry.
   */
  async bind(
    { listen }: Config,
    given: readonly (number | undefined)[] = [],
  ): Promise<readonly string[]> {
    const fresh: string[] = []
    try {
      for (const [i, key] of keysOf(listen).entries()) {
        const [entry, descriptor] = [listen[i], given[i]]
        if (entry === undefined || this.#byKey.has(key)) continue
        const socket =
          descriptor === undefined
            ? await SharedSocket.bind(entry)
            : SharedSocket.inherit(descriptor)
        this.#byKey.set(key, socket)
        fresh.push(key)
      }
      return fresh
    } catch (error) {
      this.drop(fresh)
      throw error
    }
  }

  drop(keys: Iterable<string>): void {
    for (const key of keys) {
      this.#byKey.get(key)?.close()
      this.#byKey.delete(key)
    }
  }

  /** Leaves what this configuration does not listen on. */
  keepOnly({ listen }: Config): void {
    const kept = keysOf(listen)
    this.drop([...this.#byKey.keys()].filter((key) => !kept.includes(key)))
  }

  /** In the order of the configuration. */
  addressesOf({ listen }: Config): readonly ListenAddress[] {
    return keysOf(listen).flatMap((key) => {
      const socket = this.#byKey.get(key)
      return socket === undefined ? [] : [{ host: socket.host, port: socket.port }]
    })
  }

  /** A connection that comes from now on is refused, and not left to wait for nobody. */
  close(): void {
    this.drop([...this.#byKey.keys()])
  }
}
