/**
 * Rule 8 where the backend itself decides what a client may do: before any mail goes through a server, it is asked as a stranger
 * would ask it. One that would relay for a stranger gets no mail at all.
 */
import { isPermanent, isPositive } from '../smtp/reply.ts'
import { isLost } from './heard.ts'
import { backendClient, type Introduced, type Introduction, sayXclient } from './introduce.ts'

/** An address of nobody (RFC 5737), in names that can't exist (RFC 2606). */
export const stranger = backendClient({
  address: '192.0.2.1',
  port: 25,
  helo: 'relay-probe.example',
  protocol: 'ESMTP',
})
const probeSender = '<relay-probe@example.com>'
const probeRecipient = '<relay-probe@example.net>'

export const openRelay =
  'it would relay mail from a stranger (192.0.2.1) to example.net, so everyone could send anything through it; ' +
  'check that it believes XCLIENT or the PROXY header from here and relays for its own networks only, or list relay_domains'

/** A 4yz is no refusal yet: greylisting, or trouble. One that never becomes a yes is taken for a no after so many in a row. */
export const unsureAtMost = 3
export const unsure = 'it has not said yet whether it would relay for a stranger; it is asked again'

/** `failed`: why it could not be asked. */
export type Answer = 'refuses' | 'relays' | 'unsure' | { readonly failed: string }

/** Asks on a fresh connection; with a PROXY header it has to be the stranger's already. Nothing is left open on it. */
export async function askAsStranger(connection: Introduced, introduction: Introduction): Promise<Answer> {
  const refused = introduction === 'xclient' ? await sayXclient(connection, stranger) : undefined
  if (refused !== undefined) {
    if (isLost(refused)) return { failed: `XCLIENT: ${refused.lost}` }
    if (!connection.extensions.has('XCLIENT')) return { failed: notOffered }
    return isPermanent(refused) ? 'refuses' : 'unsure'
  }
  for (const line of [`MAIL FROM:${probeSender}`, `RCPT TO:${probeRecipient}`]) {
    const heard = await new Promise<Awaited<ReturnType<typeof sayXclient>>>((resolve) =>
      connection.command(line, resolve),
    )
    if (heard === undefined || isLost(heard)) return { failed: heard?.lost ?? '' }
    if (!isPositive(heard)) return isPermanent(heard) ? 'refuses' : 'unsure'
  }
  return 'relays'
}

export const notOffered = 'the server does not offer XCLIENT to us (Postfix: smtpd_authorized_xclient_hosts)'
