/** What happens with the servers behind, on our connections to them. */
import type { OfTransaction } from './of-transaction.ts'

export type BackendFact =
  | {
      readonly kind: 'backendConnected'
      readonly at: number
      readonly server: string
      readonly ms: number
      /** Version of TLS; absent in clear. */
      readonly tls?: string
    }
  | {
      readonly kind: 'backendFailed'
      readonly at: number
      readonly server: string
      readonly step: 'resolve' | 'connect' | 'tls' | 'relay' | 'greeting'
      readonly why: string
      /**
       * Told already: by the `backendEjected` that goes with it, or when it first failed in a row.
       */
      readonly quiet?: true
    }
  /** On a connection that a transaction had. */
  | (OfTransaction & {
      readonly kind: 'backendFailed'
      readonly at: number
      readonly server: string
      readonly step: 'mail' | 'rcpt' | 'data' | 'text'
      readonly why: string
      readonly quiet?: never
    })
  /**
   * A refusal that says something about us or the server's setup, and nothing about the message:
   * its client was told 451.
   */
  | (OfTransaction & {
      readonly kind: 'backendRefusesUs'
      readonly at: number
      readonly server: string
      readonly step: 'mail' | 'rcpt' | 'data' | 'text'
      /** In the server's words. */
      readonly reply: string
    })
  | {
      readonly kind: 'backendRefusesUs'
      readonly at: number
      readonly server: string
      /** Between transactions. */
      readonly step: 'auth'
      readonly reply: string
    }
  /**
   * One address of a server is not used any more, for so long at first; then it is asked until it
   * answers.
   */
  | {
      readonly kind: 'backendEjected'
      readonly at: number
      readonly server: string
      readonly address: string
      readonly why: string
      readonly forMs: number
    }
  /**
   * It turned a connection away while others to it were open: for the time being it gets no more
   * than so many.
   */
  | {
      readonly kind: 'backendFull'
      readonly at: number
      readonly server: string
      readonly address: string
      readonly connections: number
      readonly why: string
    }
  | {
      readonly kind: 'backendReturned'
      readonly at: number
      readonly server: string
      readonly address: string
    }
  | (OfTransaction & {
      readonly kind: 'backendDelivered'
      readonly at: number
      readonly server: string
      readonly code: number
      readonly ms: number
    })
