/**
 * In place of the server behind, for what is worked out before it would be told anything: it takes
 * every envelope, and is never given a text.
 */
import type { Backend, BackendTransaction, EnvelopeListener } from '../../backend/backend.ts'
import { assumed } from '../../rehearsal/rehearsed-session.ts'
import type { Extensions } from '../../smtp/ehlo.ts'

/** What a usual server offers of what a front-end can pass on. */
export const assumedExtensions: Extensions = new Map([
  ['8BITMIME', ''],
  ['DSN', ''],
  ['SMTPUTF8', ''],
])

export const assumedBackend: Backend = {
  extensions: () => assumedExtensions,
  mayHold: () => false,
  begin: (_id, listener) => takesAll(listener),
}

const takesAll = (listener: EnvelopeListener): BackendTransaction => ({
  committing: false,
  mail: () => listener.mailReplied(assumed.mail),
  rcpt: (index) => listener.recipientReplied(index, assumed.rcpt),
  deliver: () => {
    throw new Error('a rehearsal delivers nothing')
  },
  abandon: () => undefined,
})
