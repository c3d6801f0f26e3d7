/**
 * Rule 8 where a server decides what is relayed: before any mail goes through it, it is asked what
 * could be abused, by RCPT alone. One that would relay gets no mail at all. docs/relaying.md has
 * the questions in words. When it is asked is for relay-schedule.ts.
 */
import { type Reply, isPermanent, isPositive } from '../../smtp/reply.ts'
import { type ReplyOrFailed, isFailed, type Failed } from '../wire/command-reply.ts'
import {
  backendClient,
  type CommandConnection,
  type ClientAddressMode,
  notOffered,
  sayXclient,
  tellsClient,
} from '../wire/tell-client.ts'

/**
 * What has to be known of a server. Absent: nothing, since nothing that it could relay comes
 * through.
 */
export interface RelayQuestions {
  /** Mail for every domain comes through: whether it takes mail for anyone. */
  readonly anyDomain: boolean
  /** Domains that mail comes through for: whether it follows routes in front of them. */
  readonly domains: readonly string[]
}

/** An address of nobody (RFC 5737), in names that can't exist (RFC 2606). */
export const stranger = backendClient({
  address: '192.0.2.1',
  port: 25,
  helo: 'relay-probe.example',
  protocol: 'ESMTP',
})
const probeSender = 'relay-probe@example.com'
const probeRecipient = 'relay-probe@example.net'

/**
 * How many of the site's domains are asked about: servers slow a client down after some refused
 * recipients (Postfix: 10).
 */
export const domainsAtMost = 2

interface Question {
  readonly recipient: string
  /**
   * Holds no route and is nobody: a server that takes this takes anything, and can't be asked about
   * routes.
   */
  readonly nobody?: string
}

/**
 * One of each kind that a real server follows (docs/relaying.md); in quotes and in a row they
 * follow the same.
 */
const routesBefore = (domain: string): Question[] =>
  [`relay-probe%example.net`, `example.net!relay-probe`, `"relay-probe@example.net"`].map(
    (local) => ({
      recipient: `${local}@${domain}`,
      nobody: `relay-probe-example.net@${domain}`,
    }),
  )

/**
 * `ownAddress`: the server's, which it knows for its own when mail for every domain comes through.
 */
export function questionsFor(
  { anyDomain, domains }: RelayQuestions,
  ownAddress: string,
): readonly Question[] {
  const literal =
    anyDomain && ownAddress !== ''
      ? [ownAddress.includes(':') ? `[IPv6:${ownAddress}]` : `[${ownAddress}]`]
      : []
  const named = [...domains, ...literal].slice(0, domainsAtMost)
  return [...(anyDomain ? [{ recipient: probeRecipient }] : []), ...named.flatMap(routesBefore)]
}

const whoMay = (asStranger: boolean): string =>
  asStranger
    ? 'check that it believes XCLIENT or the PROXY header from here and relays for its own networks only, or list relay_domains'
    : 'leave backend.follows_routes out, so that such recipients are refused here'

/** Why a server is not used. */
export const openRelay = (recipient: string, clientAddress: ClientAddressMode): string =>
  `it would relay mail ${tellsClient(clientAddress) ? 'from a stranger (192.0.2.1)' : 'that comes from here'} ` +
  `${recipient === probeRecipient ? '' : `for ${recipient} `}to example.net, so everyone could send anything through it; ` +
  whoMay(tellsClient(clientAddress))

/**
 * A 4yz is no refusal yet: greylisting, or trouble. One that never becomes a yes is taken for a no
 * after so many in a row.
 */
export const unsureAtMost = 3
export const unsure = 'it has not said yet whether it would relay for a stranger; it is asked again'

/** `relays`: for which recipient. `failed`: why it could not be asked. */
export type Answer =
  'refuses' | 'unsure' | { readonly relays: string } | { readonly failed: string }

/**
 * Asks on a fresh connection; with a PROXY header it has to be the stranger's already. Nothing is
 * left open on it.
 */
export async function askWhetherItRelays(
  connection: CommandConnection,
  clientAddress: ClientAddressMode,
  questions: readonly Question[],
): Promise<Answer> {
  const refused = clientAddress === 'xclient' ? await sayXclient(connection, stranger) : undefined
  if (refused !== undefined) {
    if (isFailed(refused)) return { failed: `XCLIENT: ${refused.failed}` }
    if (!connection.extensions.has('XCLIENT')) return { failed: notOffered }
    return isPermanent(refused) ? 'refuses' : 'unsure'
  }
  const mail = await ask(connection, `MAIL FROM:<${probeSender}>`)
  if (isFailed(mail)) return { failed: mail.failed }
  if (!isPositive(mail)) return noOf(mail)
  return await askRecipients(connection, questions)
}

async function askRecipients(
  connection: CommandConnection,
  questions: readonly Question[],
): Promise<Answer> {
  const nobodies = new Map<string, Reply>()
  let sure = true
  for (const { recipient, nobody } of questions) {
    const beside =
      nobody === undefined
        ? undefined
        : (nobodies.get(nobody) ?? (await askRecipient(connection, nobody)))
    if (beside !== undefined && isFailed(beside)) return { failed: beside.failed }
    if (nobody !== undefined && beside !== undefined) nobodies.set(nobody, beside)
    if (beside !== undefined && isPositive(beside)) continue
    const heard = await askRecipient(connection, recipient)
    if (isFailed(heard)) return { failed: heard.failed }
    if (isPositive(heard) && (beside === undefined || isPermanent(beside)))
      return { relays: recipient }
    if (!isPermanent(heard)) sure = false
  }
  return sure ? 'refuses' : 'unsure'
}

const noOf = (reply: Reply): Answer => (isPermanent(reply) ? 'refuses' : 'unsure')

const askRecipient = async (
  connection: CommandConnection,
  recipient: string,
): Promise<Reply | Failed> => await ask(connection, `RCPT TO:<${recipient}>`)

async function ask(connection: CommandConnection, line: string): Promise<ReplyOrFailed> {
  return await new Promise((resolve) => connection.command(line, resolve))
}
