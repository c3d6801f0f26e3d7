/**
 * A worker process: takes mail on the sockets that its primary gives it. Signals are the primary's
 * business, since a terminal and systemd send them to all processes of a service; without its
 * primary a worker lets its sessions finish, and ends.
 */
import { setImmediate as turn } from 'node:timers/promises'
import type { Config } from '../../config/config.ts'
import type { Fact, FactListener } from '../../facts/fact.ts'
import { Listener } from '../../listen/listener.ts'
import { keptOfAddresses } from '../log-addresses.ts'
import { logFromFacts } from '../../log/from-facts.ts'
import { createLog, type Log, deferredFlushMs } from '../../log/log.ts'
import { isNothing } from '../../metrics/counting-registry.ts'
import { endSoon } from '../../service/end.ts'
import { setOptionsBack } from '../../service/v8-flags.ts'
import { factHub } from '../fact-hub.ts'
import { eventOfFact, isSeldom } from '../live/event-of-fact.ts'
import { Pace } from '../live/pace.ts'
import { droppedEvent } from '../live/watched-events.ts'
import { type Foundation, openFoundation } from '../foundation.ts'
import { type Mail, takeMail } from '../take-mail.ts'
import { acceptPace } from './accept-pace.ts'
import { CertificatesHere } from './certificates-here.ts'
import { EventsHere } from './events-here.ts'
import { writeLine } from './log-pipe.ts'
import {
  type AwayFact,
  asTrouble,
  type FromWorker,
  type WorkerSetup,
  type ToWorker,
} from './messages.ts'
import { beatMs } from './pulse.ts'
import { CountsHere } from './shared-counts.ts'
import { RatesHere } from './shared-rates.ts'

/** What this process does, from the moment that it takes mail. */
interface Taking extends AsyncDisposable {
  readonly foundation: Foundation
  readonly mail: Mail
}

/** Between two looks at what has changed, for the primary's readiness. */
const lookMs = 250
/**
 * Between two messages with what was counted: what a worker that is killed has counted since the
 * last one is lost.
 */
const metricsMs = 2000
/** Series in one message of that kind. */
const toldAtOnce = 5000

const sockets = new Map<string, { close(): void }>()
const counts = new CountsHere((changed) => tell({ kind: 'counts', counts: changed }))
const rates = new RatesHere((taken) => tell({ kind: 'taken', taken }))
const afterAccept = acceptPace(counts)
const certificates = new CertificatesHere()
const facts = factHub()
const pace = new Pace(() => performance.now())
const watched = new EventsHere(facts, {
  send: (events, sent) => tell({ kind: 'events', events }, sent),
  isSeldom,
  allows: (fact) => pace.allows(fact),
  // The primary tells of servers behind, once for all.
  eventOf: (fact) => (toldHere(fact) && !isAway(fact) ? eventOfFact(fact, slotHere) : undefined),
  droppedEvent: (count) => droppedEvent(count, Date.now(), slotHere),
  onDropped: () => taking?.foundation.metrics.factsDroppedTotal.inc(),
})
let taking: Taking | undefined
let log: Log | undefined
let starting: Promise<void> | undefined
let stopping = false
let toldReasons = ''
let slotHere = 0

/** `sent`: the message has left this process, or never will. */
function tell(message: FromWorker, sent = (): void => undefined): void {
  // A primary that has gone is noticed by `disconnect`.
  if (process.connected) process.send?.(message, undefined, {}, sent)
  else sent()
}

function socketFor(key: string): object {
  const handle = sockets.get(key)
  if (handle === undefined) throw new Error(`no socket was given for ${key}`)
  sockets.delete(key)
  return handle
}

/** Each process reads the files of recipients for itself; one tells. */
const toldOnce: ReadonlySet<string> = new Set(['policiesLoaded', 'policiesKept'])
const toldHere = ({ kind }: Fact): boolean => slotHere === 1 || !toldOnce.has(kind)
const isAway = (fact: Fact): fact is AwayFact =>
  fact.kind === 'backendEjected' || fact.kind === 'backendReturned'

async function start({
  slot,
  orders,
  piped,
  journal,
}: Extract<ToWorker, { kind: 'start' }>): Promise<void> {
  // What the primary had sent before it went is read all the same.
  if (stopping) return
  slotHere = slot
  certificates.give(orders.certificates)
  const { config } = orders
  const { priorities } = config.log
  log = createLog({
    ...config.log,
    keepAddress: keptOfAddresses(config),
    priorities: priorities === 'auto' ? journal : priorities,
    flushMs: deferredFlushMs,
    pid: process.pid,
    ...(piped && { write: writeLine }),
  })
  const note = logFromFacts(log, config.log.messages)
  const onFact: FactListener = (fact) => {
    if (isAway(fact)) tell({ kind: 'away', fact })
    else if (toldHere(fact)) note(fact)
  }
  try {
    taking = await take(config, { slot, onFact })
  } catch (error) {
    tell({ kind: 'failed', trouble: asTrouble(error) })
    if (process.connected) process.disconnect()
    endSoon()
    return
  }
  setOptionsBack()
  const reasons = taking.mail.reasons()
  toldReasons = reasons.join('\n')
  tell({ kind: 'started', reasons })
  setInterval(() => tellState(), lookMs).unref()
  setInterval(() => void tellCounted(), metricsMs).unref()
}

async function take(
  config: Config,
  { slot, onFact }: { readonly slot: number; readonly onFact: FactListener },
): Promise<Taking> {
  await using opened = new AsyncDisposableStack()
  facts.add(onFact)
  const foundation = opened.use(
    await openFoundation(config, { facts, now: Date.now, worker: String(slot) }),
  )
  foundation.initialiseMetrics(config)
  const mail = opened.use(
    await takeMail(config, {
      foundation,
      certificates: async (for_) => await certificates.lease(for_),
      shared: { counts, rates },
      socketOf: (key) => ({ handle: socketFor(key), afterAccept }),
      open: async (listening) => await Listener.open(listening),
    }),
  )
  const owned = opened.move()
  return {
    foundation,
    mail,
    [Symbol.asyncDispose]: async () => await owned.disposeAsync(),
  }
}

function tellState(): void {
  const reasons = taking?.mail.reasons() ?? []
  if (reasons.join('\n') === toldReasons) return
  toldReasons = reasons.join('\n')
  tell({ kind: 'state', reasons })
}

/** Nothing, when nothing has changed; much in pieces, so that no process stops for long. */
async function tellCounted(): Promise<void> {
  if (taking === undefined) return
  const { registry } = taking.foundation.metrics
  await registry.collect()
  for (let left = registry.waiting; ; left -= toldAtOnce) {
    const told = registry.newlyTold(toldAtOnce)
    if (!isNothing(told)) tell({ kind: 'counted', told })
    // What comes meanwhile is told the next time, or there would be no end of it.
    if (left <= toldAtOnce) return
    await turn()
  }
}

async function answerMetrics(number: number): Promise<void> {
  if (taking === undefined) return
  const { registry, ofNode } = taking.foundation.metrics
  await tellCounted()
  const asked = { number, ofNode: await ofNode() }
  tell({ kind: 'counted', told: registry.newlyTold(), asked })
}

async function refresh(number: number): Promise<void> {
  const ledger = taking?.foundation.ledger
  await ledger?.refresh()
  tell({ kind: 'refreshed', number, durable: ledger?.durable === true })
}

async function reload(orders: WorkerSetup): Promise<void> {
  const takeBack = certificates.give(orders.certificates)
  try {
    await taking?.mail.reload(orders.config)
    taking?.foundation.initialiseMetrics(orders.config)
    if (log !== undefined) log.level = orders.config.log.level
    tell({ kind: 'reloaded' })
  } catch (error) {
    takeBack()
    // Nobody listens on what came for it.
    for (const handle of sockets.values()) handle.close()
    sockets.clear()
    tell({ kind: 'reloaded', trouble: asTrouble(error) })
  }
}

async function stop(): Promise<void> {
  if (stopping) return
  stopping = true
  // Who is only starting would begin to listen afterwards, for nobody, and keep the port.
  await starting
  await taking?.[Symbol.asyncDispose]()
  await tellCounted()
  counts.end()
  rates.end()
  if (process.connected) process.disconnect()
  endSoon()
}

const isHandle = (sent: unknown): sent is { close(): void } =>
  typeof sent === 'object' && sent !== null && 'close' in sent

process.on('message', (message: ToWorker, handle: unknown) => {
  switch (message.kind) {
    case 'socket':
      if (isHandle(handle)) sockets.set(message.key, handle)
      return
    case 'start':
      starting = start(message)
      return
    case 'metrics':
      void answerMetrics(message.number)
      return
    case 'certificates':
      certificates.use(message.certificates)
      return
    case 'elsewhere':
      counts.hear(message.counts, message.others)
      return
    case 'takenElsewhere':
      rates.hear(message.taken)
      return
    case 'watch':
      watched.watch(message.on)
      return
    case 'reload':
      void reload(message.orders)
      return
    case 'refresh':
      void refresh(message.number)
      return
    case 'stop':
      void stop()
  }
})
process.on('disconnect', () => void stop())
// The primary may have gone while this was being loaded.
if (!process.connected) void stop()
tell({ kind: 'beat' })
setInterval(() => tell({ kind: 'beat' }), beatMs).unref()
for (const signal of ['SIGTERM', 'SIGINT', 'SIGHUP'] as const) process.on(signal, () => undefined)
