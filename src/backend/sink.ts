/**
 * The embedded backend: takes everything and keeps it in Maildirs, one a recipient. For the demonstration, for tests, and for
 * looking at what a configuration would do. Delivers for good, so it adds Return-Path and Delivered-To (RFC 5321 4.4).
 */
import { randomBytes } from 'node:crypto'
import { mkdir, open, rename, unlink } from 'node:fs/promises'
import { join } from 'node:path'
import type { FactListener } from '../facts.ts'
import type { Extensions } from '../smtp/ehlo.ts'
import { parsePath } from '../smtp/path.ts'
import type { Reply } from '../smtp/reply.ts'
import { replies } from '../smtp/replies.ts'
import type {
  Backend,
  BackendTransaction,
  DeliveryOrder,
  EnvelopeListener,
  ParcelResultReply,
  TextSource,
} from './backend.ts'

export interface SinkOptions {
  readonly directory: string
  readonly url: string
  readonly hostname: string
  readonly onFact: FactListener
  readonly now: () => number
}

const offered: Extensions = new Map([
  ['PIPELINING', ''],
  ['8BITMIME', ''],
  ['SMTPUTF8', ''],
  ['DSN', ''],
])

export class Sink implements Backend {
  readonly #options: SinkOptions
  readonly #known = new Set<string>()

  constructor(options: SinkOptions) {
    this.#options = options
  }

  extensions(): Extensions {
    return offered
  }

  begin(listener: EnvelopeListener): BackendTransaction {
    let over = false
    return {
      mail: () => listener.mailReplied(replies.senderOk),
      rcpt: (index) => listener.recipientReplied(index, replies.recipientOk),
      deliver: async (order, text) => {
        const results: ParcelResultReply[] = []
        for (const parcel of order.parcels) {
          const started = this.#options.now()
          const reply = await this.#keep(order, parcel, text, () => over)
          const ms = this.#options.now() - started
          results.push({ reply, refused: new Map(), ms })
          this.#options.onFact({
            kind: 'backendDelivered',
            at: this.#options.now(),
            server: this.#options.url,
            code: reply.code,
            ms,
          })
        }
        return results
      },
      abandon: () => {
        over = true
      },
    }
  }

  async #keep(
    order: DeliveryOrder,
    parcel: DeliveryOrder['parcels'][number],
    text: TextSource,
    over: () => boolean,
  ): Promise<Reply> {
    const id = `${this.#options.now()}.${randomBytes(6).toString('hex')}`
    const kept: { readonly from: string; readonly to: string }[] = []
    try {
      for (const { argument } of parcel.recipients) {
        const recipient = parsePath(argument)?.path.address ?? 'unknown'
        const maildir = await this.#maildir(recipient)
        const name = `${id}.${kept.length}.${safeName(this.#options.hostname)}`
        const from = join(maildir, 'tmp', name)
        kept.push({ from, to: join(maildir, 'new', name) })
        const file = await open(from, 'wx', 0o600)
        try {
          await file.write(
            `Return-Path: ${order.mail.split(' ')[0] ?? '<>'}\r\nDelivered-To: ${recipient}\r\n${parcel.header}`,
          )
          const whole = text.whole()
          if (whole !== undefined) await file.writev([...whole])
          else for await (const chunk of text.chunks()) await file.write(chunk)
          await file.sync()
        } finally {
          await file.close()
        }
      }
      if (over()) throw new Error('abandoned')
      for (const { from, to } of kept) await rename(from, to)
      return { code: 250, lines: [`2.0.0 Ok: queued as ${id}`] }
    } catch (error) {
      for (const { from } of kept) await unlink(from).catch(() => undefined)
      const why = error instanceof Error ? error.message : String(error)
      this.#options.onFact({
        kind: 'backendFailed',
        at: this.#options.now(),
        server: this.#options.url,
        step: 'text',
        why,
      })
      return replies.spoolTrouble
    }
  }

  async #maildir(recipient: string): Promise<string> {
    const maildir = join(this.#options.directory, safeName(recipient.toLowerCase()))
    if (!this.#known.has(maildir)) {
      for (const part of ['tmp', 'new', 'cur']) await mkdir(join(maildir, part), { recursive: true, mode: 0o700 })
      if (this.#known.size < 10_000) this.#known.add(maildir)
    }
    return maildir
  }

  connections(): readonly [] {
    return []
  }

  async probe(): Promise<string | undefined> {
    try {
      await mkdir(this.#options.directory, { recursive: true, mode: 0o700 })
      return undefined
    } catch (error) {
      return `${this.#options.url}: ${error instanceof Error ? error.message : String(error)}`
    }
  }

  async close(): Promise<void> {
    await Promise.resolve()
  }
}

/** A file name that can't leave its directory; what is not plain is percent-encoded. */
function safeName(text: string): string {
  const plain = text.replace(/[^A-Za-z0-9@._+=-]/g, (character) => encodeURIComponent(character).replaceAll('*', '%2A'))
  return plain
    .replace(/^\.+/, (dots) => '%2E'.repeat(dots.length))
    .replaceAll('/', '%2F')
    .slice(0, 200)
}
