/**
 * What is done with the text of one message once it is known who gets it: given to the backend, and
 * before and behind that SPF and DKIM asked about its sender, and refusals reported to it.
 */
import type { BackendTransaction } from '../backend/backend.ts'
import type { Bounce, Bounces } from '../bounce/bounce.ts'
import type { TextSource } from '../message/text-source.ts'
import type { SenderAuthenticator } from '../sender-auth/sender-auth.ts'
import type { Effect, Event } from '../session/effects.ts'
import type { ClientAttributes } from '../smtp/xclient.ts'
import type { MessageListener } from './message-intake.ts'

export interface DeliveryParts {
  readonly bounces: Bounces
  readonly voucher: SenderAuthenticator
  readonly now: () => number
}

type Of<Kind extends Effect['do']> = Extract<Effect, { do: Kind }>

export class Deliveries {
  readonly #parts: DeliveryParts
  readonly #client: ClientAttributes
  readonly #transaction: BackendTransaction
  readonly #listener: Pick<MessageListener, 'tell'>
  #bounce: Bounce | undefined
  /** Ends the question to SPF and DKIM. */
  #gone: AbortController | undefined

  constructor(
    parts: DeliveryParts,
    client: ClientAttributes,
    transaction: BackendTransaction,
    listener: Pick<MessageListener, 'tell'>,
  ) {
    this.#parts = parts
    this.#client = client
    this.#transaction = transaction
    this.#listener = listener
  }

  /** Tells of each parcel; `delivered` is called behind the last one. */
  deliver(
    { parcels, mail, shown }: Of<'deliver'>,
    text: TextSource,
    delivered: (event: Event) => void,
  ): void {
    const { now } = this.#parts
    this.#transaction.deliver({ mail, shown, parcels }, text, {
      parcelDelivered: (parcel, result) =>
        this.#listener.tell({ kind: 'parcelDelivered', at: now(), parcel, result }),
      delivered: (results) => delivered({ kind: 'delivered', at: now(), results }),
    })
  }

  /** Whether SPF or DKIM vouches for the sender of the text that is complete. */
  vouch({ reversePath, symbols }: Of<'vouch'>, text: TextSource): void {
    const { address = '', helo = '' } = this.#client
    const message = {
      clientAddress: address,
      helo,
      reversePath,
      symbols,
      chunks: () => text.chunks(),
    }
    void this.#parts.voucher
      .vouchFor(message, (this.#gone = new AbortController()).signal)
      .then(({ kind }) =>
        this.#listener.tell({
          kind: 'vouched',
          at: this.#parts.now(),
          vouched: kind === 'vouched',
        }),
      )
  }

  /** Whether refusals can be reported to the sender. */
  prepareBounce(request: Of<'prepareBounce'>, text: TextSource): void {
    const { address = '', helo = '' } = this.#client
    const bounce = this.#parts.bounces.begin({ ...request, client: { address, helo }, text })
    this.#bounce = bounce
    void bounce
      .prepare()
      .then((prepared) =>
        this.#listener.tell({ kind: 'bouncePrepared', at: this.#parts.now(), prepared }),
      )
  }

  report({ refusals }: Of<'report'>): void {
    void this.#bounce
      ?.report(refusals)
      .then((reply) => this.#listener.tell({ kind: 'reported', at: this.#parts.now(), reply }))
  }

  /** What the backend has not taken yet it won't have; SPF and DKIM have their own time. */
  giveUp(): void {
    this.#transaction.abandon()
    this.#bounce?.abandon()
  }

  abandon(): void {
    this.giveUp()
    this.#gone?.abort()
  }
}
