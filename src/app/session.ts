/** What each new connection is made of. */
import type { Backend } from '../backend/backend.ts'
import { ClientBackend } from '../backend/client-backend.ts'
import type { Bounces } from '../bounce/bounce.ts'
import type { Config, ListenerTls } from '../config/config.ts'
import type { FactListener } from '../facts/fact.ts'
import type { Judges } from '../judge/judge.ts'
import { JudgeChain } from '../judge/chain.ts'
import type { ConfiguredJudge } from '../judge/stages.ts'
import type { Ledger } from '../ledger/ledger.ts'
import type { ConnectionOptions } from '../listen/connection-options.ts'
import type { ServedConnection } from '../listen/listener.ts'
import type { ClientOfConnection } from '../listen/welcome.ts'
import type { Observer } from '../listen/observer.ts'
import { thisProcess } from '../listen/deliverer.ts'
import { isDraining } from '../peers/overrides.ts'
import { inRanges, type PeerDirectory } from '../peers/peer-directory.ts'
import type { SpoolBudget } from '../listen/spool-budget.ts'
import type { RunnerParts } from '../listen/transaction-runner.ts'
import type { TlsServer } from '../listen/upgrade.ts'
import type { Policies } from '../policy/policy-source.ts'
import type { Allowance } from '../session/allowance.ts'
import type { Journal } from '../session/journal.ts'
import type { AuthMode, SessionOptions } from '../session/session.ts'
import { octetsOf } from '../smtp/octets.ts'
import type { Judged } from '../strategy/meaning.ts'
import type { Certificates } from '../tls/certificates.ts'
import type { SenderAuthenticator } from '../sender-auth/sender-auth.ts'
import { refusesRoutes } from './relaying.ts'
import { SessionOracle } from './session-oracle.ts'
import { known } from '../known.ts'

const nobody = (): boolean => false

export interface SessionParts {
  readonly config: Config
  readonly backend: Backend
  readonly policies: Policies
  /** Takes a save that comes too late (app/ledger.ts). */
  readonly ledger: Ledger
  /** In the order of the configuration. */
  readonly judges: readonly ConfiguredJudge[]
  readonly bounces: Bounces
  readonly voucher: SenderAuthenticator
  readonly certificates: Certificates | undefined
  /** With `mode: observe`. */
  readonly observer?: Observer
  /** Of all sessions together, whatever configuration they began with. */
  readonly budget: SpoolBudget
  readonly directory: PeerDirectory
  readonly onFact: FactListener
  readonly now: () => number
  readonly newId: () => string
  /** The journal of a session that is to be kept, by its id; absent: of none. */
  readonly journalOf?: (session: string) => Journal | undefined
  /** A connection has ended, and nothing is left of it. */
  readonly onEnd: () => void
}

/** RFC 4954 4. */
const authLineBytes = 12_288

/** Of the listener that the connections come from. */
export interface ListenerTraits {
  readonly tls: ListenerTls
  readonly auth?: AuthMode
  /** Ranges of proxies that are believed in XCLIENT. */
  readonly xclientFrom?: readonly string[]
}

export function connectionOptions(
  parts: SessionParts,
  { tls: listenerTls, auth = 'off', xclientFrom = [] }: ListenerTraits,
): (client: ClientOfConnection, allowance: Allowance) => ServedConnection {
  const { config, ledger, certificates, directory, onFact, now, newId, journalOf, onEnd } = parts
  const { limits, timeouts } = config
  const options = { ...sessionOptions(config, listenerTls === 'starttls'), auth }
  const asked = {
    ...parts,
    draining: (): boolean => isDraining(ledger.overrides()),
    xclientFrom: xclientFrom.length === 0 ? nobody : inRanges(xclientFrom),
  }
  const spool = { ...config.spool, budget: parts.budget }
  const waits = {
    replyTimeoutMs: timeouts.replyMs,
    underWayMs: Math.min(timeouts.underWayMs, timeouts.replyMs),
  }
  const whom: WhomToAsk =
    config.mode === 'observe'
      ? nobodyAsked(parts)
      : { policies: parts.policies, judges: judging(parts) }
  const runner = { ...parts, ...whom, spool, openLimits: limits.openSplits, ...waits }
  const text = {
    bareNewlines: config.bareNewlines,
    maxBytes: limits.messageSizeBytes,
    maxLineBytes: limits.textLineBytes,
    maxHeaderBytes: limits.headerBytes,
  }
  const tls = certificates === undefined ? undefined : tlsServer(config, certificates)
  return (client, allowance) => {
    const { peer } = directory.serve({ ...client, helo: '', senderDomain: '' })
    const id = newId()
    const journal = journalOf?.(id)
    return {
      start: { id, options, client, peerName: peer.name, ...(journal && { journal }) },
      oracle: (own) => new SessionOracle(asked, allowance, own),
      ...(auth === 'off' ? { runner } : ownRunner(runner)),
      ledger,
      tls,
      text,
      commandLineBytes:
        auth === 'off' ? limits.commandLineBytes : Math.max(limits.commandLineBytes, authLineBytes),
      textMinimumRate: limits.textMinimumRate,
      timeouts,
      onFact,
      now,
      onEnd,
    }
  }
}

/** In the order of the configuration. */
export const judging = ({ config, judges, now }: JudgingParts): Judges =>
  new JudgeChain({ judges, now, mayWriteOurs: mayWriteOurs(config) })

type JudgingParts = Pick<SessionParts, 'config' | 'judges' | 'now'>

/** Nobody is asked while the client waits: what would have been is found out behind the answer. */
const nobodyAsked = ({ now }: SessionParts): WhomToAsk => ({
  policies: undefined,
  judges: new JudgeChain({ judges: [], now }),
})

type WhomToAsk = Pick<RunnerParts, 'policies' | 'judges'>

/** Hosts of this site, and those whose scanner is believed. */
export function mayWriteOurs({
  foreignFields,
  trusted,
  judges,
}: Config): (clientAddress: string) => boolean {
  if (foreignFields === 'keep') return () => true
  const believed = judges.flatMap((judge) => (judge.kind === 'headers' ? judge.from : []))
  return inRanges([...trusted, ...believed])
}

/** A backend for this connection alone, once its client has authenticated. */
function ownRunner(runner: RunnerParts): Pick<ConnectionOptions, 'runner' | 'auth'> {
  const backend = new ClientBackend(runner.backend)
  return { runner: { ...runner, backend }, auth: backend }
}

export const tlsServer = (config: Config, certificates: Certificates): TlsServer => ({
  contextFor: (name) => certificates.contextFor(name),
  handshakeTimeoutMs: config.timeouts.tlsHandshakeMs,
  requestCertificate: config.tls.requestClientCertificate,
})

/** Whether the server behind is the judge. */
export const judgingOf = ({ lastWord }: Config): Judged['judging'] =>
  lastWord === 'backend' ? 'backend' : 'score'

export function sessionOptions(config: Config, startTls: boolean): SessionOptions {
  const { limits, ehlo, relayDomains, quarantine, mode } = config
  return {
    hostname: config.hostname,
    own: {
      ...ehlo,
      // Nobody is told by us when to come again.
      greylist: ehlo.greylist && mode === 'enforce',
      prdr: mode === 'enforce' ? 'own' : 'of backend',
      messageSizeBytes: limits.messageSizeBytes,
    },
    mode,
    startTls,
    receivedHeader: config.receivedHeader,
    unknownRecipients: config.unknownRecipients,
    // As if nobody stood in front: what your server says to MAIL is the answer to MAIL.
    showMail: mode === 'observe' ? 'at_once' : config.backend.mail,
    lastWord: config.lastWord,
    limits,
    deliverer: { process: thisProcess, answerMs: config.timeouts.replyMs },
    ...known({ relayDomains }),
    refuseRoutes: refusesRoutes(config),
    ...(quarantine === undefined ? {} : { quarantine: octetsOf(quarantine.address) }),
  }
}
