/**
 * Everything that is made from one configuration and goes with it, and its leases of what outlives
 * it. A session belongs to the generation that was in force when it began and stays with it to its
 * end, whatever is reloaded meanwhile.
 */
import { aliasSourceSettings } from './alias-source.ts'
import type { WatchedBackend } from '../backend/backend.ts'
import type { SenderAllowance } from '../bounce/sender-allowance.ts'
import type { Config, ConfiguredListener } from '../config/config.ts'
import type { FactListener } from '../facts/fact.ts'
import { lookUpLearned } from '../peers/learning.ts'
import type { Ledger } from '../ledger/ledger.ts'
import type { ConfiguredJudge } from '../judge/stages.ts'
import type { ClientLimits } from '../listen/client-limits.ts'
import type { ListenerOptions } from '../listen/listener.ts'
import type { SpoolBudget } from '../listen/spool-budget.ts'
import { inRanges, PeerDirectory } from '../peers/peer-directory.ts'
import type { VerifiedNames } from '../peers/verified-names.ts'
import type { QuestionAllowance } from '../sender-auth/questions.ts'
import type { Certificates } from '../tls/certificates.ts'
import type { Journal } from '../session/journal.ts'
import { backendSettings } from './backend.ts'
import { configuredBounces, configuredVoucher } from './bounces.ts'
import { judgeAsked, judgeSettings } from './judge.ts'
import type { LeasedParts } from './leased-parts.ts'
import type { Lease } from './leases.ts'
import {
  type ConfiguredAliasSource,
  type ConfiguredSource,
  policiesFrom,
  type RecipientSources,
} from './policies.ts'
import { policySourceSettings } from './policy-source.ts'
import { openObserver } from './observer.ts'
import { connectionOptions, tlsServer } from './session.ts'
import { known } from '../known.ts'

/** What outlives a configuration. */
export interface OutlivingParts extends LeasedParts {
  /** Takes a save that comes too late (app/ledger.ts). */
  readonly ledger: Ledger
  /** Those that a listener with TLS serves with; none where there is no such listener. */
  readonly certificates: (config: Config) => Promise<Lease<Certificates> | undefined>
  readonly names: VerifiedNames
  /** What all texts together may take. */
  readonly budget: SpoolBudget
  readonly allowance: SenderAllowance
  readonly questions: QuestionAllowance
  readonly onFact: FactListener
  /** ms since the epoch. */
  readonly now: () => number
  readonly newId: () => string
  /** The journal of a session that is to be kept; absent: of none. */
  readonly journalOf?: (session: string) => Journal | undefined
}

/** How a listener serves; where it listens is not its business. */
export type Serving = Omit<
  ListenerOptions,
  'host' | 'port' | 'descriptor' | 'handle' | 'afterAccept'
>

export interface Generation {
  readonly config: Config
  readonly backend: WatchedBackend
  /** Why a judge can't be asked without whom nobody's mail is taken. */
  judgesTrouble(): string | undefined
  /** Undefined where no listener speaks TLS. */
  readonly certificates: Certificates | undefined
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
  outliving: OutlivingParts,
): Promise<Generation> {
  await using leased = new AsyncDisposableStack()
  const { ledger, names, now, onFact } = outliving
  const certificates = leased.use(await outliving.certificates(config))?.part
  const judges = await leaseJudges(config, outliving, leased)
  const policies = policiesFrom(await leaseSources(config, outliving, leased), config, outliving)
  const backend = leased.use(await outliving.backends.lease(backendSettings(config))).part
  const relaying = backend.servers()
  if (relaying.every(({ relays }) => relays === true))
    throw new Error(relaying.map(({ server, trouble = '' }) => `${server}: ${trouble}`).join('; '))

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
  const nameOf = (address: string): ReturnType<typeof names.nameOf> => names.nameOf(address)
  const voucher = configuredVoucher(config, outliving.questions, outliving.now)
  const bounces = configuredBounces(config, { ...outliving, backend, voucher })

  const observer =
    config.mode === 'observe'
      ? openObserver({ config, judges, policies, budget: outliving.budget, onFact, now })
      : undefined
  leased.defer(async () => await observer?.abandon())

  const owned = leased.move()
  let sessions = 0
  let retired: (() => void) | undefined
  let closing: Promise<void> | undefined
  const close = async (): Promise<void> => {
    closing ??= owned.disposeAsync()
    await closing
    retired?.()
  }
  /** Of a retired one: behind the last session, what it has passed on is observed first. */
  const closeWhenDone = async (): Promise<void> => {
    await observer?.whenIdle()
    await close()
  }
  const onEnd = (): void => {
    if (--sessions === 0 && retired !== undefined) void closeWhenDone()
  }
  const ofSessions = {
    ...outliving,
    config,
    backend,
    policies,
    judges,
    bounces,
    voucher,
    certificates,
    directory,
    ...known({ observer }),
    onEnd,
  }
  return {
    config,
    backend,
    certificates,
    directory,
    // Mail that is passed on waits for no judge.
    judgesTrouble: () => (observer === undefined ? troubleOf(judges) : undefined),
    trouble: () => backend.trouble(),
    serving({ tls, auth, proxyProtocolFrom, xclientFrom }, limits): Serving {
      const begin = connectionOptions(ofSessions, { tls, auth, xclientFrom })
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
        onFact,
        now,
      }
    },
    retire(onClosed) {
      retired = onClosed
      if (sessions === 0) void closeWhenDone()
    },
    close,
  }
}

async function leaseJudges(
  { judges }: Config,
  outliving: OutlivingParts,
  leased: AsyncDisposableStack,
): Promise<readonly ConfiguredJudge[]> {
  const asked: ConfiguredJudge[] = []
  for (const config of judges)
    asked.push(
      judgeAsked(leased.use(await outliving.judges.lease(judgeSettings(config))).part, config),
    )
  return asked
}

/** A judge without which nobody's mail is taken. */
const troubleOf = (judges: readonly ConfiguredJudge[]): string | undefined =>
  judges
    .filter(({ onFailure }) => onFailure === 'defer')
    .map(({ judge }) => judge.trouble())
    .find((trouble) => trouble !== undefined)

async function leaseSources(
  config: Config,
  { policySources, aliasSources }: OutlivingParts,
  leased: AsyncDisposableStack,
): Promise<RecipientSources> {
  const sources: ConfiguredSource[] = []
  for (const source of config.recipients.sources) {
    const lease = await policySources.lease(policySourceSettings(source, config))
    sources.push({ source: leased.use(lease).part, config: source })
  }
  const aliases: ConfiguredAliasSource[] = []
  for (const source of config.recipients.aliases) {
    const lease = await aliasSources.lease(aliasSourceSettings(source, config))
    aliases.push({ source: leased.use(lease).part, config: source })
  }
  return { policies: sources, aliases }
}
