/**
 * The envelope of a report at the backend: from the null reverse-path to the sender, asked for
 * before its text is known.
 */
import type { Backend, BackendTransaction } from '../backend/backend.ts'
import { isPositive, type Reply } from '../smtp/reply.ts'
import { replies } from '../smtp/replies.ts'
import type { ClientAttributes } from '../smtp/xclient.ts'

export interface ReportEnvelope {
  /** The id of the transaction whose refusals it tells. */
  readonly transaction: string
  /** What stands behind `RCPT TO:<`, without brackets. */
  readonly to: string
  readonly eightBit: boolean
  readonly international: boolean
  readonly requireTls: boolean
}

/**
 * Whom a backend that is told the client is told here: this host itself, which may send to anybody
 * where a client may not.
 */
export const ourselves = (hostname: string): ClientAttributes => ({
  name: 'localhost',
  address: '127.0.0.1',
  port: 25,
  destinationAddress: '127.0.0.1',
  destinationPort: 25,
  helo: hostname,
  protocol: 'ESMTP',
})

export interface OpenEnvelope {
  /** 2yz: the text may come. Undefined once it was abandoned. */
  readonly answer: Promise<Reply | undefined>
  /** The backend's answer to the report. */
  deliver(text: readonly Buffer[]): Promise<Reply>
  abandon(): void
}

export function openEnvelope(
  backend: Pick<Backend, 'begin'>,
  hostname: string,
  envelope: ReportEnvelope,
): OpenEnvelope {
  const { eightBit, international, requireTls } = envelope
  const mail = `<>${eightBit ? ' BODY=8BITMIME' : ''}${international ? ' SMTPUTF8' : ''}${requireTls ? ' REQUIRETLS' : ''}`
  const to = `<${envelope.to}>`
  const answer = Promise.withResolvers<Reply | undefined>()
  const listener = {
    mailReplied: (reply: Reply): void => {
      if (!isPositive(reply)) answer.resolve(reply)
    },
    recipientReplied: (_index: number, reply: Reply): void => answer.resolve(reply),
  }
  const transaction: BackendTransaction = backend.begin(
    envelope.transaction,
    listener,
    ourselves(hostname),
  )
  transaction.mail(mail)
  transaction.rcpt(0, to)
  return {
    answer: answer.promise,
    async deliver(text) {
      const parcel = { recipients: [{ index: 0, argument: to }], edits: [], redirected: false }
      const taken = Promise.withResolvers<Reply>()
      transaction.deliver({ mail, shown: [0], parcels: [parcel] }, textOf(text), {
        parcelDelivered: () => undefined,
        delivered: ([result]) =>
          taken.resolve(result?.own.get(0) ?? result?.reply ?? replies.backendLost),
      })
      return await taken.promise
    },
    abandon() {
      transaction.abandon()
      answer.resolve(undefined)
    },
  }
}

const textOf = (text: readonly Buffer[]) => ({
  whole: () => text,
  async *chunks(): AsyncGenerator<Buffer> {
    for (const chunk of text) yield await Promise.resolve(chunk)
  },
})
