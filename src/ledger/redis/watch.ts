/**
 * Of which senders nothing is open, known without asking the server, and never wrongly: a
 * front-end that has saved a split tells its client only when no other one can take its sender for
 * one of whom nothing is open.
 *
 * - A watcher begins by leaving its mark on the server, and reads all senders of whom something is
 *   open. From then on each first split of a sender has a number; the watcher asks for what is new
 *   several times a second, and at once when the server's message wakes it.
 * - What it knows counts for `leaseMs` from when its last question was sent.
 * - A save waits until each other watcher has told that it knows the number, or for `leaseMs`: who
 *   has not told has not asked, and what it knew counts no more. The wait is by this process's own
 *   clock; no clock of another machine matters.
 * - Each question shows the watcher's own mark. Data without it, or with an older one, are others
 *   (flushed, restored, of a replica that was promoted too early): the watcher begins anew.
 * - Other marks may be lost in the same way. So for `leaseMs` after its beginning, each save waits.
 *
 * Messages only wake: when all are lost, a save waits a little longer.
 */
import { randomUUID } from 'node:crypto'
import { setTimeout as sleep } from 'node:timers/promises'
import type { RedisConnection } from '../../redis/connection.ts'
import type { Script } from '../../redis/connection.ts'
import { Heard, type Behind } from './heard.ts'
import { SenderBits } from '../sender-bits.ts'
import { hashOf, senderKey } from './sender-key.ts'
import * as scripts from './watch-scripts.ts'

export interface WatchOptions {
  readonly connection: Pick<RedisConnection, 'command' | 'script'>
  /** What all keys begin with. */
  readonly base: string
  readonly keptMs: number
  /** For so long what is known counts after it was asked for. */
  readonly leaseMs: number
  /** So many watches share the senders. */
  readonly shards: number
}

export const usualLeaseMs = 500
/** Questions within a lease: some may be lost or late. */
const questionsPerLease = 4

/** Between two questions when messages come all the time. */
const soonestMs = 10
/** The same for each watcher there is: an opening wakes them all. */
const msPerWatcher = 1

/** Fields in one reply of HSCAN, about: each sender has two, and each client. */
const fieldsPerReply = 4000

const listOf = (reply: unknown): readonly unknown[] =>
  Array.isArray(reply) ? (reply as readonly unknown[]) : []

export class SenderWatch {
  readonly #options: WatchOptions
  readonly #heard: Heard
  /** The mark on the server. */
  #id = ''
  #began = -Infinity
  /** The last opening that is known here, and that the server was told of. */
  #knows = 0
  #told = 0
  /** When the last question was sent that was answered whole; a sleep stops one of the clocks. */
  #askedAt = { steady: -Infinity, wall: -Infinity }
  #lastQuestionAt = -Infinity
  /** So that all watchers together ask once in a millisecond. */
  #shareMs = 0
  #waking: NodeJS.Timeout | undefined
  #senders: SenderBits
  /** What is being read anew. */
  #fresh: SenderBits | undefined
  #loaded = false
  #asking: Promise<void> | undefined
  #beginning: Promise<void> | undefined
  #again = false
  readonly #timer: NodeJS.Timeout
  #over = false

  constructor(options: WatchOptions) {
    this.#options = options
    this.#senders = new SenderBits(options.shards)
    this.#heard = new Heard({
      leaseMs: options.leaseMs,
      soonestMs: () => this.#shareMs,
      behind: async (number) => await this.#behind(number),
      drop: async (watchers) => {
        const parts = watchers.flatMap(({ id, turn }) => [id, turn])
        await this.#run(scripts.dropWatchersScript, parts)
      },
    })
    this.#timer = setInterval(() => this.#ask(), options.leaseMs / questionsPerLease).unref()
  }

  /** The mark, for the script that saves. */
  get id(): string {
    return this.#id
  }

  /** Rejects with what the server says. */
  async begin(): Promise<void> {
    this.#beginning ??= this.#beginOnce().finally(() => (this.#beginning = undefined))
    await this.#beginning
  }

  async #beginOnce(): Promise<void> {
    this.#id = ''
    this.#loaded = false
    this.#fresh = undefined
    this.#senders = new SenderBits(this.#options.shards)
    this.#askedAt = { steady: -Infinity, wall: -Infinity }
    const id = randomUUID()
    const last = Number(
      await this.#run(scripts.beginWatchScript, [id, String(this.#options.keptMs)]),
    )
    this.#id = id
    this.#knows = last
    this.#told = last
    this.#began = performance.now()
    void this.#load()
  }

  /** True only if nothing of the sender is open. */
  isQuiet(reversePath: string): boolean {
    return this.#counts() && !this.#senders.mayHave(hashOf(senderKey(reversePath)))
  }

  /** Before the save of an open split is sent. */
  add(key: string): void {
    const hash = hashOf(key)
    this.#senders.add(hash)
    this.#fresh?.add(hash)
  }

  /**
   * After the save of an open split, with the number that the server has given for it: resolves
   * when no other watcher can take its sender for a quiet one.
   */
  async heard(number: number): Promise<void> {
    const { leaseMs } = this.#options
    if (number < 0) this.#beginAnew()
    const youngUntil = (number < 0 ? performance.now() : this.#began) + leaseMs
    if (number > 0) await this.#heard.wait(number)
    // A timer may ring a little early.
    for (let ms = 0; (ms = youngUntil - performance.now()) > 0;) await sleep(ms)
  }

  /** The server's message: somebody has something to hear. */
  wake(): void {
    this.#heard.wake()
    const early = this.#lastQuestionAt + Math.max(soonestMs, this.#shareMs) - performance.now()
    if (early <= 0) this.#ask()
    else this.#waking ??= setTimeout(() => this.#wakeNow(), early).unref()
  }

  #wakeNow(): void {
    this.#waking = undefined
    this.#ask()
  }

  /** Takes the mark away, if the server can be reached. */
  async end(): Promise<void> {
    this.stop()
    await this.#run(scripts.endWatchScript, [this.#id]).catch(() => undefined)
  }

  /** Nothing counts any more. */
  stop(): void {
    this.#over = true
    clearInterval(this.#timer)
    clearTimeout(this.#waking)
  }

  #counts(): boolean {
    const { leaseMs } = this.#options
    const { steady, wall } = this.#askedAt
    return (
      this.#loaded &&
      !this.#over &&
      performance.now() - steady < leaseMs &&
      Math.abs(Date.now() - wall) < leaseMs
    )
  }

  #ask(): void {
    this.#again = true
    this.#asking ??= this.#askOn()
      .catch(() => undefined) // The connection tells whoever has to know.
      .finally(() => (this.#asking = undefined))
  }

  async #askOn(): Promise<void> {
    while ((this.#again || this.#told < this.#knows) && !this.#over) {
      this.#again = false
      if (this.#id === '') await this.begin()
      await this.#askOnce()
    }
  }

  async #askOnce(): Promise<void> {
    const id = this.#id
    const sentAt = { steady: performance.now(), wall: Date.now() }
    this.#lastQuestionAt = sentAt.steady
    const knows = this.#knows
    const parts = [this.#told, knows, this.#options.keptMs].map(String)
    const reply = listOf(await this.#run(scripts.watchScript, [id, ...parts]))
    const [last, watchers, ...senders] = reply
    if (id !== this.#id) return
    if (typeof last !== 'number' || last < 0) {
      this.#beginAnew()
      return
    }
    this.#told = knows
    const most = this.#options.leaseMs / questionsPerLease
    this.#shareMs = Math.min(most, Number(watchers) * msPerWatcher)
    for (const sender of senders) this.add(String(sender))
    this.#knows = knows + senders.length
    if (this.#knows === last) this.#askedAt = sentAt
    if (this.#senders.isCrowded) void this.#load()
  }

  /** It is tried again with the next question if the server refuses. */
  #beginAnew(): void {
    if (!this.#over) void this.begin().catch(() => undefined)
  }

  /**
   * All senders of whom something is open. HSCAN gives each field that is there from its begin to
   * its end; those that come meanwhile are heard of.
   */
  async #load(): Promise<void> {
    if (this.#fresh !== undefined) return
    const id = this.#id
    const fresh = new SenderBits(this.#options.shards)
    this.#fresh = fresh
    try {
      const { connection, base } = this.#options
      let cursor = '0'
      do {
        const scan = ['HSCAN', `${base}openers`, cursor, 'MATCH', 'n:s*']
        const [next, fields] = listOf(
          await connection.command([...scan, 'COUNT', String(fieldsPerReply)]),
        )
        for (const [at, field] of listOf(fields).entries())
          if (at % 2 === 0) fresh.add(hashOf(String(field).slice('n:'.length)))
        cursor = String(next)
      } while (cursor !== '0' && id === this.#id && !this.#over)
      if (id !== this.#id) return
      fresh.wasRead()
      this.#senders = fresh
      this.#loaded = true
      this.#ask()
    } catch {
      // It is asked for each sender then, until the watch begins anew.
    } finally {
      if (this.#fresh === fresh) this.#fresh = undefined
    }
  }

  async #behind(number: number): Promise<readonly Behind[]> {
    const reply = listOf(await this.#run(scripts.behindScript, [this.#id, String(number)]))
    const behind: Behind[] = []
    for (let at = 0; at < reply.length; at += 3)
      behind.push({
        id: String(reply[at]),
        turn: String(reply[at + 1]),
        knows: Number(reply[at + 2]),
      })
    return behind
  }

  async #run(script: Script, parts: readonly string[]): Promise<unknown> {
    return await this.#options.connection.script(script, this.#options.base, parts)
  }
}
