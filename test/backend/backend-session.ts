/**
 * An SMTP backend of the product's on a fake server, and one transaction on it as a session would
 * hold it.
 */
import type {
  BackendTransaction,
  DeliveryOrder,
  ParcelResultReply,
} from '../../src/backend/backend.ts'
import type { Pour, TextSource, TextTaker } from '../../src/message/text-source.ts'
import { SpoolPour } from '../../src/listen/spool-pour.ts'
import { SmtpBackend, type SmtpBackendOptions } from '../../src/backend/smtp-backend.ts'
import type { Fact } from '../../src/facts/fact.ts'
import type { Reply } from '../../src/smtp/reply.ts'
import { describeReply } from '../../src/smtp/reply.ts'
import type { FakeBackend } from '../support/fake-backend.ts'
import { until } from '../support/lab/until.ts'
import { delivered } from './delivered.ts'

export interface OpenBackend extends AsyncDisposable {
  readonly backend: SmtpBackend
  readonly facts: Fact[]
  begin(): Begun
}

export function openBackend(
  server: FakeBackend,
  options: Partial<SmtpBackendOptions> = {},
): OpenBackend {
  const facts: Fact[] = []
  const backend = new SmtpBackend({
    servers: [{ host: '127.0.0.1', port: server.port, url: server.url }],
    clientAddress: 'none',
    helo: 'mx.test',
    connectTimeoutMs: 30_000,
    replyTimeoutMs: 30_000,
    deliveryTimeoutMs: 30_000,
    maxConnections: 10,
    idleTimeoutMs: 60_000,
    maxTransactions: 100,
    maxErrors: 100,
    onFact: (fact) => facts.push(fact),
    now: () => 1_000_000,
    ...options,
  })
  return {
    backend,
    facts,
    begin: () => new Begun(backend),
    [Symbol.asyncDispose]: async () => await backend.close(),
  }
}

export class Begun {
  readonly transaction: BackendTransaction
  /** What the session was told, in order. */
  readonly told: string[] = []
  #mail = '<s@x>'
  #shown: number[] = []

  constructor(backend: SmtpBackend) {
    const tell = (what: string, reply: Reply): void => {
      this.told.push(`${what} ${describeReply(reply)}`)
    }
    this.transaction = backend.begin(
      'x.1',
      {
        mailReplied: (reply) => tell('mail', reply),
        recipientReplied: (index, reply) => {
          tell(`rcpt ${index}`, reply)
          if (reply.code < 300) this.#shown.push(index)
        },
      },
      {},
    )
  }

  /** MAIL and RCPTs in one go; resolves when all were answered. */
  async envelope(recipients: readonly string[], mail = '<s@x>', each = false): Promise<this> {
    this.#mail = mail
    this.transaction.mail(mail, { each })
    recipients.forEach((recipient, index) => this.transaction.rcpt(index, recipient))
    await until('the envelope is answered', () => this.told.length >= recipients.length + 1)
    return this
  }

  /** One parcel per list of indices; recipients are named `<0@x>`, `<1@x>`. */
  order(...parcels: readonly (readonly number[])[]): DeliveryOrder {
    return {
      mail: this.#mail,
      shown: [...this.#shown].sort((a, b) => a - b),
      parcels: parcels.map((indices) => ({
        recipients: indices.map((index) => ({ index, argument: `<${index}@x>` })),
        edits: [],
        redirected: false,
      })),
    }
  }

  async deliver(order: DeliveryOrder, text: TextSource): Promise<string[]> {
    return (await delivered(this.transaction, order, text)).map(describeResult)
  }
}

function describeResult({ reply, own }: ParcelResultReply): string {
  const others = [...own].map(([index, why]) => `, ${index}: ${describeReply(why)}`)
  return describeReply(reply) + others.join('')
}

export const recipients = (count: number): string[] =>
  Array.from({ length: count }, (_, i) => `<${i}@x>`)

/** A text that comes when the test says so. */
export class SlowText implements TextSource {
  readonly #poured: boolean
  #pour: SpoolPour | undefined
  readonly #chunks: Buffer[] = []
  #end: 'complete' | 'failed' | undefined
  #wake: () => void = () => undefined
  taken = 0

  /** `poured`: as the spool gives a text that is streamed. */
  constructor(poured: 'read' | 'poured' = 'read') {
    this.#poured = poured === 'poured'
  }

  give(text: string | Buffer): void {
    this.#chunks.push(Buffer.from(text))
    this.#wake()
    this.#pour?.wake()
  }
  end(how: 'complete' | 'failed'): void {
    this.#end = how
    this.#wake()
    this.#pour?.wake()
  }
  pour(taker: TextTaker): Pour | undefined {
    if (!this.#poured) return undefined
    let place = 0
    return (this.#pour = new SpoolPour(taker, {
      next: () => {
        const chunk = this.#chunks[place]
        if (chunk === undefined) return this.#end === 'failed' ? 'broken off' : this.#end
        place++
        this.taken += chunk.length
        return chunk
      },
      onOver: () => undefined,
    }))
  }
  whole(): undefined {
    return undefined
  }
  async *chunks(): AsyncGenerator<Buffer> {
    for (let place = 0; ;) {
      const chunk = this.#chunks[place]
      if (chunk !== undefined) {
        place++
        this.taken += chunk.length
        yield chunk
      } else if (this.#end === 'complete') return
      else if (this.#end === 'failed') throw new Error('the text is not complete')
      else
        await new Promise<void>((resolve) => {
          this.#wake = resolve
        })
    }
  }
}
