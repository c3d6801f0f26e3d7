/**
 * A Redis or Valkey server: one command for all keys of a question, or a command a key in one
 * write.
 */
import { RedisConnection } from '../../redis/connection.ts'
import { type Entries, type Entry, Unreadable } from '../keyed/entry.ts'
import type { Reading, Store } from '../keyed/keyed-source.ts'
import { OpenQuestions, unlessAborted } from '../open-questions.ts'
import { nameOfRedis } from './name.ts'

/** Where the entries are; `prefix` stands before each key. */
export type RedisLayout =
  /** Each a string. */
  | { readonly kind: 'strings'; readonly prefix: string }
  /** Each a field of one hash. */
  | { readonly kind: 'hash'; readonly name: string }
  /** Each a hash of its own, with a column a field. */
  | { readonly kind: 'hashes'; readonly prefix: string }

export interface RedisSettings {
  readonly url: string
  /** Certificates of the authorities that are trusted, in PEM; absent: Node's own. */
  readonly ca?: string
  readonly layout: RedisLayout
  /** Of a command. */
  readonly limitMs: number
  /** Of what stands under one key; more is not read. */
  readonly valueBytes: number
}

type TextReading = Pick<Reading<unknown>, 'ofText' | 'ofValue'>

export const redisStore = (settings: RedisSettings, reading: TextReading): Store =>
  new RedisStore(settings, reading)

class RedisStore implements Store {
  readonly name: string
  readonly #settings: RedisSettings
  readonly #reading: TextReading
  readonly #open = new OpenQuestions()
  #connected: Promise<RedisConnection> | undefined
  #closed = false

  constructor(settings: RedisSettings, reading: TextReading) {
    this.name = nameOfRedis(settings.url)
    this.#settings = settings
    this.#reading = reading
  }

  async ask(keys: readonly string[], asked: AbortSignal): Promise<Entries> {
    const signal = this.#open.signal(asked)
    const connection = await unlessAborted(this.#connection(), signal)
    return await unlessAborted(this.#entries(keys, connection), signal)
  }

  async close(): Promise<void> {
    this.#closed = true
    this.#open.close()
    await this.#connected?.then(
      (connection) => connection.close(),
      () => undefined,
    )
  }

  async #entries(keys: readonly string[], connection: RedisConnection): Promise<Entries> {
    const { layout } = this.#settings
    if (layout.kind === 'hashes') {
      // Those of one turn of the event loop leave in one write.
      const replies = await Promise.all(
        keys.map(async (key) => await connection.command(['HGETALL', layout.prefix + key])),
      )
      return paired(keys, replies, (reply) => this.#ofFields(reply))
    }
    const command =
      layout.kind === 'hash'
        ? ['HMGET', layout.name, ...keys]
        : ['MGET', ...keys.map((key) => layout.prefix + key)]
    const replies = await connection.command(command)
    return paired(keys, replies, (reply) =>
      typeof reply === 'string'
        ? (this.#tooLong([reply]) ?? this.#reading.ofText(reply))
        : undefined,
    )
  }

  /** Names and values by turns; a hash that is not there has none. */
  #ofFields(reply: unknown): Entry | undefined {
    if (!Array.isArray(reply) || reply.length === 0) return undefined
    const fields = reply.map(String)
    return (
      this.#tooLong(fields) ??
      Object.fromEntries(
        fields.flatMap((name, i): [string, string][] =>
          i % 2 === 0 ? [[name.toLowerCase(), fields[i + 1] ?? '']] : [],
        ),
      )
    )
  }

  #tooLong(texts: readonly string[]): Entry | undefined {
    const { valueBytes } = this.#settings
    const bytes = texts.reduce((sum, text) => sum + Buffer.byteLength(text), 0)
    if (bytes <= valueBytes) return undefined
    const why = `it has ${bytes} octets, and value_size is ${valueBytes}`
    return this.#reading.ofValue(new Unreadable(why))
  }

  /** One for all; another one when it is lost. */
  async #connection(): Promise<RedisConnection> {
    if (this.#closed) throw new Error('it is closed')
    const connecting = (this.#connected ??= this.#connect())
    try {
      return await connecting
    } catch (error) {
      if (this.#connected === connecting) this.#connected = undefined
      throw error
    }
  }

  async #connect(): Promise<RedisConnection> {
    const { url, ca, limitMs } = this.#settings
    const connection = new RedisConnection({
      url,
      ...(ca !== undefined && { ca }),
      timeoutMs: limitMs,
      onLost: () => {
        this.#connected = undefined
      },
    })
    try {
      await connection.open()
      return connection
    } catch (error) {
      connection.close()
      throw error
    }
  }
}

/** @throws Error where the server does not have a reply for each key */
function paired(
  keys: readonly string[],
  replies: unknown,
  read: (reply: unknown) => Entry | undefined,
): Entries {
  if (!Array.isArray(replies) || replies.length !== keys.length)
    throw new Error('it does not answer as Redis does')
  return keys.flatMap((key, i): [string, Entry][] => {
    const entry = read(replies[i])
    return entry === undefined ? [] : [[key, entry]]
  })
}
