/**
 * Rule 8 where the backend itself decides what a client may do: before any mail goes through, the backend is asked as a stranger
 * would ask it. One that would relay for a stranger gets no mail at all.
 */
import type { Extensions } from '../smtp/ehlo.ts'
import { isPermanent, isPositive, type Reply } from '../smtp/reply.ts'
import { replies } from '../smtp/replies.ts'
import type { ClientAttributes } from '../smtp/xclient.ts'
import type { Backend, BackendTransaction, EnvelopeListener, ServerView, WatchedBackend } from './backend.ts'

/** An address of nobody (RFC 5737), in names that can't exist (RFC 2606). */
const stranger: ClientAttributes = {
  address: '192.0.2.1',
  port: 25,
  helo: 'relay-probe.example',
  protocol: 'ESMTP',
}
const probeSender = '<relay-probe@example.com>'
const probeRecipient = '<relay-probe@example.net>'

export const openRelay =
  'it would relay mail from a stranger (192.0.2.1) to example.net, so everyone could send anything through it; ' +
  'check that it believes XCLIENT or the PROXY header from here and relays for its own networks only, or list relay_domains'

/** A 4yz is no refusal yet: greylisting, or trouble. One that never becomes a yes is taken for a no after so many in a row. */
const unsureAtMost = 3
const unsure = 'it has not said yet whether it would relay for a stranger; it is asked again'

type Answer = 'refuses' | 'relays' | 'unsure'

export class RelayGuard implements WatchedBackend {
  readonly #backend: WatchedBackend
  #trouble: string | undefined = 'not asked yet'
  #safe = false
  #unsure = 0

  constructor(backend: WatchedBackend) {
    this.#backend = backend
  }

  extensions(): Extensions {
    return this.#backend.extensions()
  }
  connections(): ReturnType<Backend['connections']> {
    return this.#backend.connections()
  }

  begin(listener: EnvelopeListener, client: ClientAttributes): BackendTransaction {
    if (this.#safe) return this.#backend.begin(listener, client)
    return {
      mail: () => listener.mailReplied(replies.backendUnavailable),
      rcpt: (index) => listener.recipientReplied(index, replies.backendUnavailable),
      deliver: async (order) =>
        await Promise.resolve(
          order.parcels.map(() => ({ reply: replies.backendUnavailable, own: new Map<number, Reply>(), ms: 0 })),
        ),
      abandon: () => undefined,
    }
  }

  trouble(): string | undefined {
    return this.#trouble
  }
  servers(): readonly ServerView[] {
    return this.#backend.servers()
  }

  async probe(): Promise<string | undefined> {
    this.#trouble = await this.#look()
    return this.#trouble
  }

  async #look(): Promise<string | undefined> {
    const trouble = await this.#backend.probe()
    if (trouble !== undefined || this.#safe) return trouble
    const answer = await this.#askAsStranger()
    if (answer === 'relays') return openRelay
    if (answer === 'unsure' && ++this.#unsure < unsureAtMost) return unsure
    this.#safe = true
    return undefined
  }

  async #askAsStranger(): Promise<Answer> {
    return await new Promise((resolve) => {
      const transaction = this.#backend.begin(
        {
          mailReplied: (reply) => {
            if (!isPositive(reply)) finish(answerIn(reply))
            else transaction.rcpt(0, probeRecipient)
          },
          recipientReplied: (_, reply) => finish(isPositive(reply) ? 'relays' : answerIn(reply)),
        },
        stranger,
      )
      const finish = (answer: Answer): void => {
        transaction.abandon()
        resolve(answer)
      }
      transaction.mail(probeSender)
    })
  }

  async close(): Promise<void> {
    await this.#backend.close()
  }
}

const answerIn = (reply: Reply): Answer => (isPermanent(reply) ? 'refuses' : 'unsure')
