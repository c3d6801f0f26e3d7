/** A directory, over LDAP: one search for all keys of a question, or a few where there are many. */
import { connect } from 'node:net'
import type { ConnectionOptions } from 'node:tls'
import { Client } from 'ldapts'
import type { Entries, Entry } from '../keyed/entry.ts'
import type { Store } from '../keyed/keyed-source.ts'
import { OpenQuestions, unlessAborted } from '../open-questions.ts'
import { filterFor } from './filter.ts'
import { nameOfLdap, socketPathIn } from './url.ts'

export interface LdapSettings {
  /** `ldap:`, `ldaps:` or `ldapi:`. */
  readonly url: string
  /** TLS before anything is said, where the URL has none. */
  readonly startTls: boolean
  /** Authorities in PEM; absent: those of Node. */
  readonly ca?: string | undefined
  /** `external`: as whom the socket knows the process. Absent: anonymous. */
  readonly bind?: 'external' | { readonly dn: string; readonly password: string } | undefined
  readonly base: string
  readonly scope: 'sub' | 'one'
  /** With a place for the key. */
  readonly filter: string
  /** Whose values are the keys of an entry. */
  readonly keyAttributes: readonly string[]
  /** Of each column. */
  readonly attributes: Readonly<Record<string, string>>
  readonly limitMs: number
}

/** Servers have limits for filters of their own. */
export const mostKeysOfSearch = 500

export const ldapStore = (settings: LdapSettings): Store => new LdapStore(settings)

interface Connection {
  readonly client: Promise<Client>
  /** Once it is there. */
  made: Client | undefined
}

class LdapStore implements Store {
  readonly name: string
  readonly #settings: LdapSettings
  readonly #open = new OpenQuestions()
  #current: Connection | undefined

  constructor(settings: LdapSettings) {
    this.name = nameOfLdap(settings.url)
    this.#settings = settings
  }

  async ask(keys: readonly string[], asked: AbortSignal): Promise<Entries> {
    const signal = this.#open.signal(asked)
    signal.throwIfAborted()
    const connection = this.#usable()
    try {
      const client = await unlessAborted(connection.client, signal)
      const entries: (readonly [string, Entry])[] = []
      for (let at = 0; at < keys.length; at += mostKeysOfSearch) {
        const part = keys.slice(at, at + mostKeysOfSearch)
        entries.push(...(await unlessAborted(this.#search(client, part), signal)))
      }
      return entries
    } catch (error) {
      // Whoever comes next has another connection, whatever is still under way on this one.
      this.#drop(connection)
      throw new Error(inWords(error), { cause: error })
    }
  }

  async close(): Promise<void> {
    this.#open.close()
    if (this.#current !== undefined) this.#drop(this.#current)
    await Promise.resolve()
  }

  async #search(client: Client, keys: readonly string[]): Promise<(readonly [string, Entry])[]> {
    const { base, scope, filter, keyAttributes, attributes, limitMs } = this.#settings
    const { searchEntries } = await client.search(base, {
      scope,
      filter: filterFor(filter, keys),
      attributes: [...new Set([...keyAttributes, ...Object.values(attributes)])],
      timeLimit: Math.ceil(limitMs / 1000),
      sizeLimit: 0,
    })
    // The library connects anew by itself, and nobody has said there who asks.
    if (!client.isBound) throw new Error('the connection was lost')
    return searchEntries.flatMap((found) => {
      const valueOf = valuesOf(found)
      const entry = Object.fromEntries(
        Object.entries(attributes).map(([column, attribute]) => [
          column,
          oneOrAll(valueOf(attribute)),
        ]),
      )
      return keyAttributes.flatMap(valueOf).map((key) => [key, entry] as const)
    })
  }

  /** One for all questions; another one when it is lost. */
  #usable(): Connection {
    if (this.#current === undefined || this.#current.made?.isConnected === false)
      this.#current = this.#begin()
    return this.#current
  }

  #begin(): Connection {
    const connection: Connection = { client: this.#connect(), made: undefined }
    connection.client.then(
      (client) => {
        connection.made = client
      },
      () => undefined,
    )
    return connection
  }

  async #connect(): Promise<Client> {
    const { url, startTls, ca, bind, limitMs } = this.#settings
    const tlsOptions: ConnectionOptions = {
      ...(ca !== undefined && { ca }),
      host: new URL(url).hostname,
    }
    const socketPath = socketPathIn(url)
    const client = new Client({
      url: socketPath === undefined ? url : 'ldap://localhost',
      timeout: limitMs,
      connectTimeout: limitMs,
      ...(url.startsWith('ldaps:') && { tlsOptions }),
      ...(socketPath !== undefined && { createConnection: () => connect(socketPath) }),
    })
    try {
      if (startTls) await client.startTLS(tlsOptions)
      if (bind === 'external') await client.bindSASL('EXTERNAL')
      // An anonymous bind has no name and no password.
      else await client.bind(bind?.dn ?? '', bind?.password ?? '')
      return client
    } catch (error) {
      client.unbind().catch(() => undefined)
      throw error
    }
  }

  #drop(connection: Connection): void {
    if (this.#current === connection) this.#current = undefined
    connection.client.then(
      async (client) => await client.unbind().catch(() => undefined),
      () => undefined,
    )
  }
}

type Found = Readonly<Record<string, Buffer | Buffer[] | string[] | string>>

/** Attributes have no case; one that is not there has no values. */
function valuesOf(found: Found): (attribute: string) => readonly string[] {
  const byName = new Map(Object.entries(found).map(([name, value]) => [name.toLowerCase(), value]))
  return (attribute) => {
    const value = byName.get(attribute.toLowerCase()) ?? []
    return (Array.isArray(value) ? value : [value]).map((one) => one.toString())
  }
}

/** Several values of one attribute are a list. */
const oneOrAll = (values: readonly string[]): unknown =>
  values.length > 1 ? values : (values[0] ?? null)

function inWords(error: unknown): string {
  if (!(error instanceof Error)) return String(error)
  const { name } = error
  const message = error.message.replaceAll(/\s+/g, ' ').trim()
  return message.startsWith(name) || name === 'Error' ? message : `${name}: ${message}`
}
