/**
 * Everything that is made from one configuration and goes with it. A session belongs to the
 * generation that was in force when it began and stays with it to its end, whatever is reloaded
 * meanwhile.
 */
import type { WatchedBackend } from '../backend/backend.ts'
import type { Neighbours } from '../backend/endpoints/room.ts'
import type { SenderAllowance } from '../bounce/sender-allowance.ts'
import type { Config, ConfiguredListener } from '../config/config.ts'
import type { Fact, FactListener } from '../facts.ts'
import type { Judge } from '../judge/judge.ts'
import { lookUpLearned } from '../peers/learning.ts'
import type { Ledger } from '../ledger/ledger.ts'
import type { ClientLimits } from '../listen/client-limits.ts'
import type { ListenerOptions } from '../listen/listener.ts'
import type { SpoolBudget } from '../listen/spool-budget.ts'
import { inRanges, PeerDirectory } from '../peers/peer-directory.ts'
import { VerifiedNames } from '../peers/verified-names.ts'
import { chainPolicySources } from '../policy/chain.ts'
import { openPolicyFile } from '../policy/file-source.ts'
import type { PolicySource } from '../policy/policy-source.ts'
import type { QuestionAllowance } from '../sender-auth/questions.ts'
import type { Certificates } from '../tls/certificates.ts'
import { openBackend } from './backend.ts'
import { configuredBounces, configuredVoucher } from './bounces.ts'
import { configuredJudge } from './judge.ts'
import { connectionOptions, tlsServer } from './session.ts'

/** What outlives a configuration. */
export interface SharedParts {
  readonly ledger: Ledger
  /** Those that a listener with TLS serves with. */
  readonly certificates: Certificates | undefined
  /** What all texts together may take. */
  readonly budget: SpoolBudget
  readonly allowance: SenderAllowance
  readonly questions: QuestionAllowance
  /** Other processes that use the same servers behind. */
  readonly neighbours: Neighbours
  readonly onFact: FactListener
  /** ms since the epoch. */
  readonly now: () => number
  readonly newId: () => string
}

/** How a listener serves; where it listens is not its business. */
export type Serving = Omit<
  ListenerOptions,
  'host' | 'port' | 'descriptor' | 'handle' | 'afterAccept'
>

export interface Generation {
  readonly config: Config
  readonly backend: WatchedBackend
  readonly directory: PeerDirectory
  /** What keeps the backend from being used, if anything does. */
  trouble(): string | undefined
  serving(entry: ConfiguredListener, limits: ClientLimits): Serving
  /**
   * No session begins with it any more; it is closed when the last one that did has ended, and
   * `onClosed` is called.
   */
  retire(onClosed: () => void): void
  /** Ends what its sessions still use. */
  close(): Promise<void>
}

/**
 * Rejects with what can't be used and why, and leaves nothing behind then. A backend that is away
 * is no reason.
 */
export async function openGeneration(
  config: Config,
  standing: SharedParts,
  openJudge: (config: Config) => Judge = configuredJudge,
): Promise<Generation> {
  await using parts = new AsyncDisposableStack()
  const { ledger, certificates, now } = standing
  const backend = openBackend(config, standing.onFact, now, standing.neighbours)
  parts.defer(async () => await backend.close())
  // Chosen to be kept in memory, by one process: it remembers for as long as it lives.
  const inMemory = config.ledger.kind === 'sqlite' && config.ledger.path === ':memory:'
  const directory = new PeerDirectory({
    classes: config.peers,
    trusted: config.trusted,
    overrides: () => ledger.overrides(),
    learned: lookUpLearned(ledger.senders, now),
    remembers: () => ledger.durable || inMemory,
    now,
  })
  const names = new VerifiedNames({ now })
  const nameOf = (address: string): ReturnType<typeof names.nameOf> => names.nameOf(address)
  const judge = openJudge(config)
  parts.defer(async () => await judge.close())
  const policies = await openPolicies(config, standing)
  parts.defer(async () => await policies.close())
  await backend.probe() // EHLO cannot be merged with one that was never seen
  const relaying = backend.servers()
  if (relaying.every(({ relays }) => relays === true))
    throw new Error(relaying.map(({ server, trouble = '' }) => `${server}: ${trouble}`).join('; '))

  const owned = parts.move()
  let sessions = 0
  let retired: (() => void) | undefined
  let closing: Promise<void> | undefined
  const close = async (): Promise<void> => {
    closing ??= owned.disposeAsync()
    await closing
    retired?.()
  }
  /** Of its own sessions: each is told to have ended once. */
  const onFact = (fact: Fact): void => {
    standing.onFact(fact)
    if (fact.kind === 'sessionClosed' && --sessions === 0 && retired !== undefined) void close()
  }
  const voucher = configuredVoucher(config, standing.questions)
  const bounces = configuredBounces(config, { ...standing, backend, voucher })
  const sessionParts = {
    ...standing,
    config,
    backend,
    policies,
    judge,
    bounces,
    voucher,
    directory,
    onFact,
  }
  return {
    config,
    backend,
    directory,
    trouble: () => backend.trouble(),
    serving({ tls, auth, proxyProtocolFrom, xclientFrom }, limits): Serving {
      const begin = connectionOptions(sessionParts, { tls, auth, xclientFrom })
      return {
        limits,
        greetDelayMs: config.greetDelayMs,
        // A backend that is told the client would have looked up its name itself.
        lookUp:
          directory.needsRdns || config.backend.clientAddress === 'xclient' ? nameOf : undefined,
        proxied:
          proxyProtocolFrom.length === 0
            ? undefined
            : { from: inRanges(proxyProtocolFrom), limitMs: config.timeouts.proxyHeaderMs },
        implicitTls:
          tls === 'implicit' && certificates !== undefined
            ? tlsServer(config, certificates)
            : undefined,
        connection: (client, allowance): ReturnType<typeof begin> => {
          sessions++
          return begin(client, allowance)
        },
        onFact: standing.onFact,
        now,
      }
    },
    retire(onClosed) {
      retired = onClosed
      if (sessions === 0) void close()
    },
    close,
  }
}

async function openPolicies(config: Config, { onFact, now }: SharedParts): Promise<PolicySource> {
  const { policies } = config
  await using opened = new AsyncDisposableStack()
  const sources: PolicySource[] = []
  for (const { path } of config.recipients.sources) {
    const source = await openPolicyFile({ path, policies, onFact, clock: now })
    opened.defer(async () => await source.close())
    sources.push(source)
  }
  opened.move()
  return chainPolicySources(sources)
}
