/**
 * A worker process: takes mail on the sockets that its primary gives it. Signals are the primary's
 * business, since a terminal and systemd send them to all processes of a service; without its
 * primary a worker lets its sessions finish, and ends.
 */
import '../../service/v8-flags.ts'
import type { App } from '../../app.ts'
import { startApp } from '../../app.ts'
import type { FactListener } from '../../facts.ts'
import { logFromFacts } from '../../log/from-facts.ts'
import { createLog, type Log, deferredFlushMs } from '../../log/log.ts'
import { metricsOf } from '../../metrics/summed.ts'
import { endSoon } from '../../service/end.ts'
import { type CertificateTexts, GivenCertificates } from '../../tls/given-certificates.ts'
import { certificateSettings, type CertificateSettings } from '../certificates.ts'
import { Leases } from '../leases.ts'
import { acceptPace } from './accept-pace.ts'
import { writeLine } from './log-pipe.ts'
import { asTrouble, type FromWorker, type WorkerSetup, type ToWorker } from './messages.ts'
import type { WorkerParts } from './parts.ts'
import { beatMs } from './pulse.ts'
import { CountsHere } from './shared-counts.ts'
import { RatesHere } from './shared-rates.ts'

/** Between two looks at what has changed, for the primary's readiness. */
const lookMs = 250
/**
 * Between two messages with all metrics: what a worker that is killed has counted since the last
 * one is lost.
 */
const metricsMs = 2000

const sockets = new Map<string, { close(): void }>()
const counts = new CountsHere((changed) => tell({ kind: 'counts', counts: changed }))
const rates = new RatesHere((taken) => tell({ kind: 'taken', taken }))
const given: { orders?: WorkerSetup; certificates?: GivenCertificates } = {}
let app: App | undefined
let log: Log | undefined
let starting: Promise<void> | undefined
let stopping = false
let toldReasons = ''

function tell(message: FromWorker): void {
  // A primary that has gone is noticed by `disconnect`.
  if (process.connected) process.send?.(message, undefined, {}, () => undefined)
}

function textsGiven(): CertificateTexts {
  const { certificates: texts } = given.orders ?? {}
  if (texts === undefined) throw new Error('no certificates were given to serve with')
  return texts
}

const certificates = new Leases<CertificateSettings, GivenCertificates>({
  open: (settings) => new GivenCertificates(textsGiven(), settings),
  renew: (leased) => leased.use(textsGiven()),
})

const certificatesFor: WorkerParts['certificates'] = async (config) => {
  const settings = certificateSettings(config)
  if (settings === undefined) return undefined
  const lease = await certificates.lease(settings)
  given.certificates = lease.part
  return lease
}

function socketFor(key: string): object {
  const handle = sockets.get(key)
  if (handle === undefined) throw new Error(`no socket was given for ${key}`)
  sockets.delete(key)
  return handle
}

/** Each process reads the files of recipients for itself; one tells. */
const toldOnce: ReadonlySet<string> = new Set(['policiesLoaded', 'policiesKept'])

async function start({ slot, orders, piped }: Extract<ToWorker, { kind: 'start' }>): Promise<void> {
  // What the primary had sent before it went is read all the same.
  if (stopping) return
  given.orders = orders
  const { config } = orders
  log = createLog({
    ...config.log,
    flushMs: deferredFlushMs,
    pid: process.pid,
    ...(piped && { write: writeLine }),
  })
  const note = logFromFacts(log)
  const onFact: FactListener = (fact) => {
    if (fact.kind === 'backendEjected' || fact.kind === 'backendReturned')
      tell({ kind: 'away', fact })
    else if (slot === 1 || !toldOnce.has(fact.kind)) note(fact)
  }
  const worker: WorkerParts = {
    name: String(slot),
    socketFor,
    certificates: certificatesFor,
    shared: { counts, rates },
    afterAccept: acceptPace(counts),
  }
  try {
    app = await startApp(config, {
      onFact,
      onTrouble: (what) => tell({ kind: 'trouble', what }),
      worker,
    })
  } catch (error) {
    tell({ kind: 'failed', trouble: asTrouble(error) })
    if (process.connected) process.disconnect()
    endSoon()
    return
  }
  toldReasons = app.ready().reasons.join('\n')
  tell({ kind: 'started', reasons: app.ready().reasons })
  setInterval(() => tellState(), lookMs).unref()
  setInterval(() => void tellMetrics(), metricsMs).unref()
}

function tellState(): void {
  const reasons = app?.ready().reasons ?? []
  if (reasons.join('\n') === toldReasons) return
  toldReasons = reasons.join('\n')
  tell({ kind: 'state', reasons })
}

async function tellMetrics(): Promise<void> {
  if (app !== undefined) tell({ kind: 'metrics', metrics: await metricsOf(app.metrics.registry) })
}

async function refresh(number: number): Promise<void> {
  await app?.ledger.refresh()
  tell({ kind: 'refreshed', number, durable: app?.ledger.durable === true })
}

async function reload(orders: WorkerSetup): Promise<void> {
  const before = { ...given }
  given.orders = orders
  try {
    await app?.reload(orders.config)
    if (log !== undefined) log.level = orders.config.log.level
    tell({ kind: 'reloaded' })
  } catch (error) {
    Object.assign(given, before)
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
  await app?.close()
  await tellMetrics()
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
      void tellMetrics()
      return
    case 'certificates':
      if (given.orders !== undefined)
        given.orders = { ...given.orders, certificates: message.certificates }
      given.certificates?.use(message.certificates)
      return
    case 'elsewhere':
      counts.hear(message.counts, message.others)
      return
    case 'takenElsewhere':
      rates.hear(message.taken)
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
