/**
 * A server that speaks socketmap, as Postfix and sendmail ask it (socketmap_table(5)): a key at a
 * time, so that several connections share the keys of a question.
 */
import type { Entries, Entry } from '../keyed/entry.ts'
import type { Reading, Store } from '../keyed/keyed-source.ts'
import { OpenQuestions, unlessAborted } from '../open-questions.ts'
import { shown } from '../shown.ts'
import { LostLinkError, SocketmapLink, type SocketmapServer } from './link.ts'

export interface SocketmapSettings {
  readonly server: SocketmapServer
  /** The name of the map there. */
  readonly map: string
  /** At one time. */
  readonly connections: number
}

export const socketmapStore = (
  settings: SocketmapSettings,
  { ofText }: Pick<Reading<unknown>, 'ofText'>,
): Store => new SocketmapStore(settings, ofText)

export const nameOfSocketmap = ({
  server,
  map,
}: Pick<SocketmapSettings, 'server' | 'map'>): string =>
  `socketmap:${map}@${server.socketPath ?? `${server.host}:${server.port}`}`

/** What of a question is left to be asked. */
interface Asking {
  readonly keys: readonly string[]
  readonly signal: AbortSignal
  readonly entries: (readonly [string, Entry])[]
  next: number
}

class SocketmapStore implements Store {
  readonly name: string
  readonly #settings: SocketmapSettings
  readonly #ofText: Reading<unknown>['ofText']
  readonly #open = new OpenQuestions()
  readonly #idle: SocketmapLink[] = []
  readonly #waiting: (() => void)[] = []
  #free: number

  constructor(settings: SocketmapSettings, ofText: Reading<unknown>['ofText']) {
    this.name = nameOfSocketmap(settings)
    this.#settings = settings
    this.#ofText = ofText
    this.#free = settings.connections
  }

  async ask(keys: readonly string[], asked: AbortSignal): Promise<Entries> {
    const signal = this.#open.signal(asked)
    const asking: Asking = { keys, signal, entries: [], next: 0 }
    const others = Math.min(this.#free, keys.length) - 1
    await Promise.all(
      Array.from({ length: Math.max(1, others + 1) }, async () => await this.#share(asking)),
    )
    return asking.entries
  }

  async close(): Promise<void> {
    this.#open.close()
    for (const link of this.#idle.splice(0)) link.destroy()
    await Promise.resolve()
  }

  /** Asks for one key after the other, as long as there are some, over one connection. */
  async #share(asking: Asking): Promise<void> {
    const { keys, signal } = asking
    await this.#turn(signal)
    let link = this.#keptLink()
    let isFresh = link === undefined
    link ??= new SocketmapLink(this.#settings.server)
    try {
      for (let key = keys[asking.next++]; key !== undefined; key = keys[asking.next++]) {
        try {
          this.#take(key, await unlessAborted(link.ask(this.#request(key)), signal), asking)
        } catch (error) {
          // It was closed while nobody used it.
          if (isFresh || signal.aborted || !(error instanceof LostLinkError)) throw error
          link = new SocketmapLink(this.#settings.server)
          this.#take(key, await unlessAborted(link.ask(this.#request(key)), signal), asking)
        }
        isFresh = true
      }
      if (signal.aborted) link.destroy()
      else this.#idle.push(link)
    } catch (error) {
      // The others need not go on.
      asking.next = keys.length
      link.destroy()
      throw error
    } finally {
      this.#free++
      this.#waiting.shift()?.()
    }
  }

  #request(key: string): string {
    return `${this.#settings.map} ${key}`
  }

  /** @throws Error where it has failed */
  #take(key: string, reply: string, { entries }: Asking): void {
    const space = reply.indexOf(' ')
    const status = space < 0 ? reply : reply.slice(0, space)
    if (status === 'OK') entries.push([key, this.#ofText(reply.slice(space + 1))])
    else if (status !== 'NOTFOUND') throw new Error(`it answers ${shown(reply)}`)
  }

  /** Waits until there may be one connection more. */
  async #turn(signal: AbortSignal): Promise<void> {
    while (this.#free === 0) {
      const { promise, resolve } = Promise.withResolvers<undefined>()
      const wake = (): void => resolve(undefined)
      this.#waiting.push(wake)
      signal.addEventListener('abort', wake)
      await promise
      signal.removeEventListener('abort', wake)
      if (!signal.aborted) continue
      const at = this.#waiting.indexOf(wake)
      if (at >= 0) this.#waiting.splice(at, 1)
      // It was somebody else's turn.
      else this.#waiting.shift()?.()
      break
    }
    signal.throwIfAborted()
    this.#free--
  }

  #keptLink(): SocketmapLink | undefined {
    let link = this.#idle.pop()
    while (link !== undefined && !link.isUsable) link = this.#idle.pop()
    return link
  }
}
