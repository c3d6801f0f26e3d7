/**
 * The embedded backend: takes everything and keeps it in Maildirs, one a recipient. For the
 * demonstration, for tests, and for looking at what a configuration would do. Delivers for good, so
 * it adds Return-Path and Delivered-To (RFC 5321 4.4).
 */
import { randomBytes } from 'node:crypto'
import { constants, createReadStream } from 'node:fs'
import { access, type FileHandle, mkdir, open, rename, unlink } from 'node:fs/promises'
import { join } from 'node:path'
import type { FactListener } from '../../facts/fact.ts'
import { behindFields, revised } from '../../message/revised-text.ts'
import type { TextSource } from '../../message/text-source.ts'
import type { Extensions } from '../../smtp/ehlo.ts'
import { toOctets } from '../../smtp/octets.ts'
import { parsePath } from '../../smtp/path.ts'
import type { Reply } from '../../smtp/reply.ts'
import { replies } from '../../smtp/replies.ts'
import type {
  BackendTransaction,
  DeliveryListener,
  DeliveryOrder,
  EnvelopeListener,
  ParcelResultReply,
  ServerView,
  WatchedBackend,
} from '../backend.ts'
import { folderName } from './folder-name.ts'

export interface SinkOptions {
  readonly directory: string
  readonly url: string
  readonly hostname: string
  readonly onFact: FactListener
  /** ms since the epoch. */
  readonly now: () => number
}

const offered: Extensions = new Map([
  ['PIPELINING', ''],
  ['8BITMIME', ''],
  ['SMTPUTF8', ''],
  ['DSN', ''],
  ['CHUNKING', ''],
  ['BINARYMIME', ''], // octets are kept as they are
  ['REQUIRETLS', ''], // nothing of it goes over a network again
])

type Parcel = DeliveryOrder['parcels'][number]
type Kept = Pick<ParcelResultReply, 'reply' | 'own'>

/**
 * One recipient's copy: its file in `tmp`, its endpoint in `new`, and where in it the message
 * begins.
 */
interface Copy {
  readonly index: number
  readonly maildir: string
  readonly from: string
  readonly to: string
  readonly envelope: Buffer
}

const nobody: ReadonlyMap<number, Reply> = new Map()

/** A transaction whose text is being taken. */
interface Taking {
  readonly id: string
  readonly mail: string
  readonly over: () => boolean
}

export class Sink implements WatchedBackend {
  readonly #options: SinkOptions
  #trouble: string | undefined = 'not looked at yet'
  /** Maildirs that were made or found. */
  readonly #known = new Set<string>()

  constructor(options: SinkOptions) {
    this.#options = options
  }

  extensions(): Extensions {
    return offered
  }

  begin(id: string, listener: EnvelopeListener): BackendTransaction {
    let over = false
    let committing = false
    return {
      mail: () => listener.mailReplied(replies.senderOk),
      rcpt: (index) => listener.recipientReplied(index, replies.recipientOk),
      deliver: (order, text, told) => {
        committing = true
        const taking = { id, mail: order.mail, over: () => over }
        void this.#keepAll(taking, order.parcels, text, told)
      },
      get committing() {
        return committing
      },
      abandon: () => {
        over = true
      },
    }
  }

  async #keepAll(
    taking: Taking,
    parcels: readonly Parcel[],
    text: TextSource,
    told: DeliveryListener,
  ): Promise<void> {
    const { onFact, now, url } = this.#options
    const results: ParcelResultReply[] = []
    for (const parcel of parcels) {
      const started = now()
      const kept = await this.#keep(taking, parcel, text)
      const ms = now() - started
      told.parcelDelivered(results.length, { ...kept, ms })
      results.push({ ...kept, ms })
      const { code } = kept.reply
      onFact({ kind: 'backendDelivered', at: now(), transaction: taking.id, server: url, code, ms })
    }
    told.delivered(results)
  }

  async #keep(taking: Taking, parcel: Parcel, text: TextSource): Promise<Kept> {
    const { mail, over } = taking
    const id = `${this.#options.now()}.${randomBytes(6).toString('hex')}`
    const copies: Copy[] = []
    try {
      for (const { index, argument } of parcel.recipients) {
        const copy = this.#copyFor(index, { mail, argument, name: `${id}.${copies.length}` })
        const [first] = copies
        copies.push(copy)
        // The text may be there to be read only once: whoever is not the first copies the first.
        await this.#write(
          copy,
          first === undefined ? behindFields(revised(text, parcel.edits)) : messageOf(first),
        )
      }
      if (over()) throw new Error('abandoned')
    } catch (error) {
      await this.#remove(copies)
      if (!over()) this.#noteFailure(taking.id, error)
      return { reply: replies.spoolTrouble, own: nobody }
    }
    return await this.#putInPlace(id, copies, taking)
  }

  #copyFor(
    index: number,
    { mail, argument, name }: { mail: string; argument: string; name: string },
  ): Copy {
    const { directory, hostname } = this.#options
    const recipient = parsePath(argument)?.path.address ?? ''
    const maildir = join(directory, folderName(recipient.toLowerCase()))
    const file = `${name}.${folderName(hostname)}`
    const envelope = Buffer.concat([
      toOctets(`Return-Path: <${parsePath(mail)?.path.mailbox ?? ''}>\r\n`),
      Buffer.from(`Delivered-To: ${recipient}\r\n`),
    ])
    return {
      index,
      maildir,
      from: join(maildir, 'tmp', file),
      to: join(maildir, 'new', file),
      envelope,
    }
  }

  async #write(copy: Copy, message: AsyncIterable<Buffer>): Promise<void> {
    const file = await this.#create(copy)
    try {
      // writeFile goes on after a write that took a part only, which is how a disk begins to be
      // full.
      await file.writeFile(copy.envelope)
      await file.writeFile(message)
      await file.sync()
    } finally {
      await file.close()
    }
  }

  async #create({ maildir, from }: Copy): Promise<FileHandle> {
    if (this.#known.has(maildir)) {
      const file = await open(from, 'wx', 0o600).catch(() => undefined)
      if (file !== undefined) return file
      this.#known.delete(maildir) // someone has removed it
    }
    await this.#make(maildir)
    return await open(from, 'wx', 0o600)
  }

  async #make(maildir: string): Promise<void> {
    for (const part of ['tmp', 'new', 'cur'])
      await mkdir(join(maildir, part), { recursive: true, mode: 0o700 })
    if (this.#known.size < 10_000) this.#known.add(maildir)
  }

  /**
   * From here on a copy is delivered or not for itself: what is in `new` may have been read
   * already.
   */
  async #putInPlace(id: string, copies: readonly Copy[], taking: Taking): Promise<Kept> {
    const refused = new Map<number, Reply>()
    for (const copy of copies) {
      try {
        await rename(copy.from, copy.to)
        await syncDirectory(join(copy.maildir, 'new'))
      } catch (error) {
        this.#noteFailure(taking.id, error)
        await this.#remove([copy])
        refused.set(copy.index, replies.spoolTrouble)
      }
    }
    if (refused.size === copies.length) return { reply: replies.spoolTrouble, own: nobody }
    return { reply: { code: 250, lines: [`2.0.0 Ok: queued as ${id}`] }, own: refused }
  }

  async #remove(copies: readonly Copy[]): Promise<void> {
    for (const { from } of copies) await unlink(from).catch(() => undefined)
  }

  #noteFailure(transaction: string, error: unknown): void {
    const { onFact, now, url } = this.#options
    const why = wordsOf(error)
    onFact({ kind: 'backendFailed', at: now(), transaction, server: url, step: 'text', why })
  }

  mayHold(): boolean {
    return true
  }

  connections(): readonly [] {
    return []
  }

  async probe(): Promise<string | undefined> {
    const { directory, url } = this.#options
    try {
      await mkdir(directory, { recursive: true, mode: 0o700 })
      await access(directory, constants.W_OK | constants.X_OK)
      this.#trouble = undefined
    } catch (error) {
      this.#trouble = `${url}: ${wordsOf(error)}`
    }
    return this.#trouble
  }

  trouble(): string | undefined {
    return this.#trouble
  }

  servers(): readonly ServerView[] {
    const { directory, url } = this.#options
    const trouble = this.#trouble === undefined ? {} : { trouble: this.#trouble }
    return [
      {
        server: url,
        address: directory,
        priority: 0,
        usable: this.#trouble === undefined,
        extensions: offered,
        ...trouble,
      },
    ]
  }

  async close(): Promise<void> {
    await Promise.resolve()
  }
}

const wordsOf = (error: unknown): string => (error instanceof Error ? error.message : String(error))

/** What another copy holds behind its envelope. */
async function* messageOf({ from, envelope }: Copy): AsyncGenerator<Buffer> {
  for await (const chunk of createReadStream(from, { start: envelope.length }))
    yield chunk as Buffer
}

/** A name that was given to a file is safe only when its directory is (fsync(2)). */
async function syncDirectory(path: string): Promise<void> {
  const directory = await open(path, 'r')
  try {
    await directory.sync()
  } finally {
    await directory.close()
  }
}
