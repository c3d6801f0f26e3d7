/** What the admin API may see and do of the running product. */
import { join } from 'node:path'
import { setTimeout as pause } from 'node:timers/promises'
import type { AdminContext, PeerView } from '../admin/context.ts'
import type { LiveEvents } from '../admin/events/live-events.ts'
import { type Admin, startAdmin } from '../admin/server.ts'
import { Tokens } from '../admin/tokens.ts'
import type { Config, ConfiguredPeerClass, PeerMatch } from '../config/config.ts'
import type { FactListener } from '../facts/fact.ts'
import type { History } from '../history/history.ts'
import { questionOf } from '../history/question.ts'
import type { Ledger, StrategyOverride } from '../ledger/ledger.ts'
import { isDraining, overrideInForce } from '../peers/overrides.ts'
import { nextVersion } from '../split/split-course.ts'
import { drainingContext } from './draining.ts'
import { awaitedIn, historyJson } from './history-answer.ts'
import { learnedContext } from './learned.ts'
import type { Reading } from './readings.ts'
import { contentTypes, type Format, formatFor } from '../metrics/exposition.ts'
import { initialiseStrategy } from '../metrics/initialise.ts'
import type { Metrics } from '../metrics/registry.ts'
import { describeReply } from '../smtp/reply.ts'
import { fateIfForgiven, type Judged, meaningOf } from '../strategy/meaning.ts'
import { configurableStrategies } from '../strategy/names.ts'
import { known } from '../known.ts'

/** To change a split that others may change at the same time. */
const mostAttempts = 10

export interface AdminParts {
  /** Of the configuration that is in force: after this long a deferred recipient is missing, ms. */
  readonly missingAfterMs: () => number
  /** Those of the configuration that is in force. */
  readonly peers: () => readonly ConfiguredPeerClass[]
  /** Who judges: what a strategy does depends on it. */
  readonly judging: () => Judged['judging']
  readonly ledger: Ledger
  /** Absent when none is kept. */
  readonly history: History | undefined
  /** Transactions of all processes that can't be written into it now. */
  readonly unwritten: () => Promise<number>
  readonly metrics: Metrics
  readonly about: AdminContext['about']
  readonly recent: AdminContext['recent']
  readonly configuration: AdminContext['configuration']
  /** The text of /metrics. */
  readonly scrape: (format: Format) => Promise<Reading>
  /**
   * What was set in the ledger is in force in all processes that take mail when this resolves, but
   * for what it names.
   */
  readonly tellProcesses: () => Promise<readonly string[]>
  /** Names that the admin API answers to. */
  readonly hosts: () => readonly string[]
  readonly events: LiveEvents
  readonly audit: AdminContext['audit']
  readonly happened: AdminContext['happened']
  readonly onFact: FactListener
  readonly now: () => number
  readonly ready: () => Omit<ReturnType<AdminContext['ready']>, 'draining'>
  /** In words, for the log. */
  readonly onTrouble: (what: string) => void
}

export interface RunningAdmin extends Admin {
  /** Gives what takes the tokens of another configuration into use. Rejects for a file. */
  prepare(next: Config): Promise<() => void>
}

/**
 * Undefined when the configuration wants none. Rejects when the address can't be listened on or a
 * token can't be read.
 */
export async function openAdmin(
  { admin, dataDirectory }: Config,
  parts: AdminParts,
): Promise<RunningAdmin | undefined> {
  if (admin === undefined) return undefined
  const { onTrouble } = parts
  const { listen, socket, requestsPerMinute, failuresPerMinute } = admin
  const tokens =
    admin.tokens.length === 0
      ? undefined
      : await Tokens.open(admin.tokens, {
          onTrouble,
          endedFile: join(dataDirectory, 'ended-sessions'),
        })
  const running = await startAdmin({
    host: listen.host,
    port: listen.port,
    ...{ requestsPerMinute, failuresPerMinute },
    hosts: parts.hosts,
    context: adminContext(parts),
    onWrongToken: onTrouble,
    onError: (error) =>
      onTrouble(`admin API: ${error instanceof Error ? error.message : String(error)}`),
    ...known({ tokens, socket }),
  })
  return {
    ...running,
    prepare: async (next) => (await tokens?.prepare(next.admin?.tokens ?? [])) ?? keep,
  }
}

const keep = (): void => undefined

function adminContext(parts: AdminParts): AdminContext {
  const { ledger, metrics, onFact, now } = parts
  /**
   * What was set is in force here and on other front-ends; with where it is not yet, if that is
   * known.
   */
  const inForce = async (): Promise<{ readonly notYet?: readonly string[] }> => {
    const elsewhere = ledger.durable ? pause(ledger.sharedWithinMs) : undefined
    const [notYet] = await Promise.all([parts.tellProcesses(), elsewhere])
    return notYet.length === 0 ? {} : { notYet }
  }
  const find = (name: string): ConfiguredPeerClass | undefined =>
    parts.peers().find((peer) => peer.name === name)
  const judgedFor = ({ lenientAs }: Pick<ConfiguredPeerClass, 'lenientAs'>): Judged => ({
    judging: parts.judging(),
    lenientAs,
  })
  const view = (peer: ConfiguredPeerClass): PeerView => ({
    ...viewPeer(peer, overrideInForce(ledger.overrides(), peer.name, now())),
    meanings: Object.fromEntries(
      configurableStrategies.map((name) => [name, meaningOf(name, judgedFor(peer))]),
    ),
  })
  return {
    events: parts.events,
    ready: () => ({ ...parts.ready(), draining: isDraining(ledger.overrides()) }),
    async metrics(accept) {
      const format = formatFor(accept)
      return { contentType: contentTypes[format], ...(await parts.scrape(format)) }
    },
    about: parts.about,
    recent: parts.recent,
    configuration: parts.configuration,
    peers: () => parts.peers().map(view),
    audit: (limit) => parts.audit(limit),
    happened: (limit) => parts.happened(limit),
    async setStrategy(name, strategy, untilMs, { by, reason }) {
      const peer = find(name)
      if (peer === undefined) return undefined
      const at = now()
      const from = view(peer).inForce
      const until = untilMs === undefined ? {} : { until: untilMs }
      await ledger.setOverride({ peer: name, strategy, setAt: at, by, ...until })
      initialiseStrategy(metrics, name, strategy)
      const author = { by, ...known({ reason }) }
      const change = { at, peer: name, strategy, from, ...author, ...until }
      onFact({ kind: 'strategyChanged', reset: false, ...change })
      return { ...view(peer), ...(await inForce()) }
    },
    async resetStrategy(name, { by, reason }) {
      const peer = find(name)
      if (peer === undefined) return undefined
      const from = view(peer).inForce
      const reset = await ledger.resetOverride(name)
      if (reset)
        onFact({
          kind: 'strategyChanged',
          at: now(),
          peer: name,
          strategy: peer.strategy,
          from,
          by,
          ...known({ reason }),
          reset: true,
        })
      return { ...view(peer), ...(await inForce()) }
    },
    ...learnedContext({ ...parts, inForce }),
    ...drainingContext({ ...parts, inForce }),
    splits: async (limit) => await ledger.openSplits(limit),
    split: async (id) => await ledger.find(id),
    ifForgiven(split) {
      const peer = find(split.peer)
      const { forgiveAs, lenientAs } = peer ?? { forgiveAs: 'lenient', lenientAs: 'tag' }
      return split.recipients.map(({ address, state, reply }) => ({
        address,
        what: fateIfForgiven(
          { state, ...(reply === undefined ? {} : { reply: describeReply(reply) }) },
          forgiveAs,
          judgedFor({ lenientAs }),
        ),
      }))
    },
    async history({ sinceMs, ...asked }) {
      const { history } = parts
      if (history === undefined) return undefined
      const since = sinceMs === undefined ? undefined : now() - sinceMs
      const answer = await history.search(questionOf({ ...asked, since }))
      const unwritten = await parts.unwritten()
      return historyJson({ ...answer, unwritten }, await awaitedIn(ledger, answer))
    },
    async forgive(id, { by, reason }) {
      for (let attempts = 0; attempts < mostAttempts; attempts++) {
        const split = await ledger.find(id)
        if (split?.status !== 'open') return undefined
        const forgiven = nextVersion({ ...split, forgiven: true })
        const { saved } = await ledger.save(forgiven)
        if (!saved) continue // its sender has just come: the split is another one now
        const author = { by, ...known({ reason }) }
        onFact({ kind: 'splitForgiven', at: now(), split: id, peer: split.peer, ...author })
        return forgiven
      }
      throw new Error(
        `split ${id} was changed by others at each of ${mostAttempts} attempts to forgive it`,
      )
    },
  }
}

function viewPeer(
  peer: ConfiguredPeerClass,
  override: StrategyOverride | undefined,
): Omit<PeerView, 'meanings'> {
  const view: Omit<PeerView, 'meanings'> = {
    name: peer.name,
    configured: peer.strategy,
    inForce: override?.strategy ?? peer.strategy,
    ...known({ shadow: peer.shadow }),
    deferCode: peer.deferCode,
    retryHintSeconds: peer.retryHintSeconds,
    match: describeMatch(peer.match),
  }
  if (override === undefined) return view
  const { strategy, until, by, setAt } = override
  return { ...view, override: { strategy, by, setAt, ...known({ until }) } }
}

function describeMatch(match: PeerMatch): string {
  const words = [
    ...match.address,
    ...match.rdns.map((name) => `rdns ${name}`),
    ...match.helo.map((name) => `helo ${name}`),
    ...match.senderDomain.map((name) => `from ${name}`),
  ]
  return words.length === 0 ? 'everyone else' : words.join(', ')
}
