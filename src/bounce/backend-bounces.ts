/** Reports that are handed to the backend, which brings them to their senders. */
import type { Backend } from '../backend/backend.ts'
import { whyAutomatic } from '../dsn/automatic.ts'
import { wantsWholeText } from '../dsn/notify.ts'
import { type Refusal, type ReportOrder, writeReport } from '../dsn/report.ts'
import type { NoBounce } from '../facts/bounces.ts'
import { readFields } from '../message/header-fields.ts'
import { readHeader } from '../message/header-section.ts'
import { readable } from '../smtp/octets.ts'
import { describeReply, isPositive, type Reply } from '../smtp/reply.ts'
import { replies } from '../smtp/replies.ts'
import type { SenderAuthenticator } from '../sender-auth/sender-auth.ts'
import type { Bounce, BounceRequest, Bounces, Prepared } from './bounce.ts'
import { type OpenEnvelope, openEnvelope } from './report-envelope.ts'
import type { SenderAllowance, Taken } from './sender-allowance.ts'
import { known } from '../known.ts'

export interface BouncesOptions {
  readonly backend: Pick<Backend, 'begin' | 'extensions'>
  readonly voucher: SenderAuthenticator
  readonly allowance: SenderAllowance
  readonly hostname: string
  /** Octets of a header section that are looked at and returned. */
  readonly headerBytes: number
  /** Octets of a text that is returned whole (RET=FULL); of a longer one its header section is. */
  readonly wholeTextBytes: number
  /** Letters and digits, unique and not to be guessed. */
  readonly newId: () => string
  readonly now: () => number
}

export const backendBounces = (options: BouncesOptions): Bounces => ({
  begin: (request) => new BackendBounce(options, request),
})

class BackendBounce implements Bounce {
  readonly #options: BouncesOptions
  readonly #request: BounceRequest
  readonly #gone = new AbortController()
  #taken: Taken | undefined
  #envelope: OpenEnvelope | undefined
  #original: ReportOrder['original'] = { kind: 'header', octets: Buffer.alloc(0) }

  constructor(options: BouncesOptions, request: BounceRequest) {
    this.#options = options
    this.#request = request
  }

  async prepare(): Promise<Prepared> {
    try {
      const prepared = await this.#prepare()
      if (!prepared.ready) this.#letGo()
      return prepared
    } catch (error) {
      this.#letGo()
      return no('undeliverable', error instanceof Error ? error.message : String(error))
    }
  }

  /** What costs least is asked first; the backend last, since it is then kept waiting. */
  async #prepare(): Promise<Prepared> {
    const { voucher, allowance, backend } = this.#options
    const { reversePath, international, requireTls, client, symbols, text } = this.#request
    const { header } = await readHeader(text.chunks(), this.#options.headerBytes)
    const fields = readFields(header)
    if (fields === undefined)
      return no('undeliverable', 'the header section has too many fields to be read')
    const automatic = whyAutomatic(reversePath.address, fields.all)
    if (automatic !== undefined) return no('automatic', automatic)
    const offered = backend.extensions()
    if (international && !offered.has('SMTPUTF8'))
      return no('undeliverable', 'the backend does not offer SMTPUTF8')
    if (requireTls && !offered.has('REQUIRETLS'))
      return no('undeliverable', 'the backend does not keep REQUIRETLS')
    this.#taken = allowance.take(reversePath.address)
    if (this.#taken === undefined) return no('limited', 'limits.bounces_per_hour')
    const vouching = await voucher.vouchFor(
      {
        clientAddress: client.address,
        helo: client.helo,
        reversePath: reversePath.address,
        symbols,
        chunks: () => text.chunks(),
      },
      this.#gone.signal,
    )
    if (vouching.kind === 'unvouched') return no('unvouched', vouching.why)
    this.#original = await this.#originalOf(header, offered.has('8BITMIME'))
    return await this.#askBackend(vouching.by)
  }

  async #askBackend(by: Extract<Prepared, { ready: true }>['by']): Promise<Prepared> {
    if (this.#gone.signal.aborted) return no('undeliverable', 'abandoned')
    const { backend, hostname } = this.#options
    const { eightBit } = writeReport(this.#order([]))
    const { transaction, reversePath, international, requireTls } = this.#request
    const to = reversePath.mailbox
    this.#envelope = openEnvelope(backend, hostname, {
      transaction,
      to,
      eightBit,
      international,
      requireTls,
    })
    const answer = await this.#envelope.answer
    if (answer === undefined) return no('undeliverable', 'abandoned')
    return isPositive(answer) ? { ready: true, by } : no('undeliverable', describeReply(answer))
  }

  /** Whole only if it is asked for, short enough, and can be passed on as it is. */
  async #originalOf(header: Buffer, eightBit: boolean): Promise<ReportOrder['original']> {
    if (!wantsWholeText(this.#request.ret)) return { kind: 'header', octets: header }
    const { wholeTextBytes } = this.#options
    const chunks: Buffer[] = []
    let octets = 0
    for await (const chunk of this.#request.text.chunks()) {
      chunks.push(chunk)
      octets += chunk.length
      if (octets > wholeTextBytes || (!eightBit && chunk.some((octet) => octet > 127)))
        return { kind: 'header', octets: header }
    }
    return { kind: 'text', octets: Buffer.concat(chunks) }
  }

  async report(refusals: readonly Refusal[]): Promise<Reply> {
    if (this.#envelope === undefined) return replies.backendUnavailable
    const { text } = writeReport(this.#order(refusals))
    const reply = await this.#envelope.deliver(text)
    if (isPositive(reply)) this.#taken = undefined // used up
    return reply
  }

  #order(refusals: readonly Refusal[]): ReportOrder {
    const { hostname, newId, now, backend } = this.#options
    const { reversePath, arrivedAt, client, envelopeId, messageId, international } = this.#request
    return {
      hostname,
      id: newId(),
      reversePath: readable(reversePath.mailbox),
      at: now(),
      arrivedAt,
      client,
      ...known({ envelopeId, messageId }),
      refusals,
      original: this.#original,
      international,
      eightBit: international || backend.extensions().has('8BITMIME'),
    }
  }

  abandon(): void {
    this.#gone.abort()
    this.#letGo()
  }

  #letGo(): void {
    this.#envelope?.abandon()
    this.#taken?.giveBack()
    this.#taken = undefined
  }
}

const no = (why: NoBounce, words: string): Prepared => ({ ready: false, why, words })
