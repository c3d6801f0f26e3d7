/** From settings as they are written to the configuration that the program uses. */
import { availableParallelism, hostname, tmpdir } from 'node:os'
import { resolve as resolvePath } from 'node:path'
import { isLoopback } from './addresses.ts'
import type { Config, LedgerPlace, LedgerStore } from './config.ts'
import type { Report } from './report.ts'
import { checkRelaySafety, resolveBackend, tellsClient } from './resolve-backend.ts'
import { resolveJudges } from './resolve-judges.ts'
import { resolvePeers } from './resolve-peers.ts'
import { resolveRates } from './resolve-rates.ts'
import { defaultPolicy, resolvePolicies } from './resolve-policies.ts'
import { resolveSources } from './resolve-sources.ts'
import { noHistory } from './schema-history.ts'
import type { Settings } from './schema.ts'

/**
 * The configuration of a file's settings: references between keys are checked, what is worked out
 * is worked out, and paths are made absolute from `directory`. The result is only good when
 * `report` was not called.
 */
export function resolveSettings(
  settings: Settings,
  from: { readonly directory: string; readonly file?: string },
  report: Report,
): Config {
  const place = (path: string): string => resolvePath(from.directory, path)
  const dataDirectory = place(settings.data_directory)
  const backend = resolveBackend(settings, { place, data: dataDirectory }, report)
  const judges = resolveJudges(settings, { backend, place, report })
  const policies = resolvePolicies(settings.policies, judges, report)
  checkRelaySafety(settings, backend, report)
  checkAuth(settings, report)
  return {
    ...(from.file !== undefined && { file: from.file }),
    hostname: settings.hostname ?? ownName(),
    listen: settings.listen.map((listener) => ({
      ...listener.address,
      tls: listener.tls,
      auth: listener.auth,
      proxyProtocolFrom: listener.proxy_protocol_from,
      xclientFrom: listener.xclient_from,
    })),
    tls: {
      certificates: settings.tls.certificates.map(({ cert, key }) => ({
        cert: place(cert),
        key: place(key),
      })),
      minimumVersion: settings.tls.minimum_version,
      ciphers: settings.tls.ciphers,
      requestClientCertificate: settings.tls.request_client_certificate,
    },
    backend,
    ...(settings.relay_domains !== undefined && { relayDomains: settings.relay_domains }),
    receivedHeader:
      settings.received_header === 'auto' ? !tellsClient(backend) : settings.received_header,
    mode: settings.mode,
    policies,
    recipients: {
      defaultPolicy: defaultPolicy(settings.recipients.default, policies, report),
      sources: resolveSources(settings.recipients.sources, { key: 'sources', place, report }),
      aliases: resolveSources(settings.recipients.aliases, { key: 'aliases', place, report }),
      aliasSteps: settings.recipients.alias_steps,
      aliasMailboxes: settings.recipients.alias_mailboxes,
      several: settings.recipients.several,
      onFailure: settings.recipients.on_failure,
    },
    unknownRecipients: settings.unknown_recipients,
    ...(settings.quarantine !== undefined && { quarantine: settings.quarantine }),
    judges,
    lastWord: settings.last_word,
    peers: resolvePeers(settings.peers, report),
    bounces: {
      vouchedBy: settings.bounces.vouched_by,
      wholeTextBytes: settings.bounces.whole_text,
      dnsServers: settings.bounces.dns_servers,
      dnsTimeoutMs: settings.bounces.dns_timeout,
      dnsKeepMs: settings.bounces.dns_keep,
      dnsKeptBytes: settings.bounces.dns_kept_size,
      dnsQuestions: settings.bounces.dns_questions,
      dkimSignatures: settings.bounces.dkim_signatures,
    },
    trusted: settings.trusted,
    foreignFields: settings.foreign_fields,
    ledger: {
      ...resolveLedgerBounds(settings, report),
      ...resolveLedgerStore(settings.ledger, { place, dataDirectory }, report),
      patienceMs: settings.ledger.patience,
      keepMs: settings.ledger.keep,
      missingAfterMs: settings.ledger.missing_after,
    },
    history: resolveHistory(settings.history, { place, dataDirectory }),
    admin: resolveAdmin(settings, place, report),
    bareNewlines: settings.bare_newlines,
    greetDelayMs: settings.greet_delay,
    ehlo: {
      chunking: settings.ehlo.chunking,
      greylist: settings.ehlo.greylist,
      ...(settings.ehlo.limits_rcpt_max !== undefined && {
        limitsRcptMax: settings.ehlo.limits_rcpt_max,
      }),
    },
    limits: resolveLimits(settings.limits),
    spool: {
      memoryBytes: settings.spool.memory,
      totalMemoryBytes: settings.spool.total_memory,
      totalDiskBytes: settings.spool.total_disk,
      directory:
        settings.spool.directory === undefined ? tmpdir() : place(settings.spool.directory),
    },
    timeouts: resolveTimeouts(settings.timeouts),
    log: settings.log,
    ...(settings.run_as !== undefined && { runAs: resolveRunAs(settings.run_as, report) }),
    workers: resolveWorkers(settings, report),
    dataDirectory,
  }
}

/**
 * Processes that take mail have to share a ledger, or a sender that comes back to another one is
 * not known there.
 */
function resolveWorkers({ workers, ledger }: Settings, report: Report): number {
  if (ledger.path !== ':memory:') return workers ?? availableParallelism()
  if ((workers ?? 1) > 1)
    report(['workers'], `got ${workers}, expected 1: a ledger in memory can't be shared`)
  return 1
}

/** A password is not asked for where everybody can read it. */
function checkAuth({ listen }: Settings, report: Report): void {
  listen.forEach(({ auth, tls }, i) => {
    const why =
      'needs TLS, which this listener has not; give it tls, or write pass_in_clear where nobody can listen in'
    if (auth === 'pass' && tls === 'off') report(['listen', i, 'auth'], why)
  })
}

/** The host's own name; one that could not stand in a greeting (RFC 5321 4.1.2) is replaced. */
function ownName(): string {
  const name = hostname()
  return /^[A-Za-z0-9.-]{1,253}$/.test(name) ? name : 'localhost'
}

function resolveLedgerStore(
  ledger: Settings['ledger'],
  {
    place,
    dataDirectory,
  }: { readonly place: (path: string) => string; readonly dataDirectory: string },
  report: Report,
): LedgerStore {
  const { path, prefix, ca } = ledger
  const stores = (['url', 'cluster', 'path'] as const).filter((one) => ledger[one] !== undefined)
  for (const one of stores.slice(1))
    report(['ledger', one], `there is already a store, ${stores[0]}; keep one of them`)
  const redis = resolveRedis(ledger, report)
  const urls = [ledger.url, ...(ledger.cluster ?? []), ...(ledger.sentinels ?? [])]
  if (ca !== undefined && !urls.some((url) => url?.startsWith('rediss:') === true))
    report(['ledger', 'ca'], 'is only for rediss://, which is TLS; write that, or leave it out')
  if (redis !== undefined)
    return {
      kind: 'redis',
      place: redis,
      ...(ca !== undefined && { ca: place(ca) }),
      prefix: prefix ?? 'rcptwise:',
    }
  if (prefix !== undefined)
    report(['ledger', 'prefix'], 'is only for a Redis server; add url, or leave it out')
  return {
    kind: 'sqlite',
    path: path === ':memory:' ? path : place(path ?? `${dataDirectory}/ledger.db`),
  }
}

function resolveRedis(
  { url, cluster, sentinels }: Settings['ledger'],
  report: Report,
): LedgerPlace | undefined {
  if (sentinels !== undefined) reportSentinels({ url, sentinels }, report)
  if (url !== undefined)
    return sentinels === undefined ? { kind: 'server', url } : { kind: 'sentinel', url, sentinels }
  if (cluster === undefined) return undefined
  for (const [i, node] of cluster.entries())
    if (hasDatabase(node))
      report(['ledger', 'cluster', i], 'a cluster has one database only; leave its number out')
  return { kind: 'cluster', urls: cluster }
}

function reportSentinels(
  { url, sentinels }: { readonly url: string | undefined; readonly sentinels: readonly string[] },
  report: Report,
): void {
  if (url === undefined)
    report(['ledger', 'sentinels'], 'there is no master; name it as url, redis://NAME')
  else if (new URL(url).port !== '')
    report(['ledger', 'url'], 'sentinels say the port; leave it out, and write redis://NAME')
  for (const [i, sentinel] of sentinels.entries())
    if (hasDatabase(sentinel))
      report(['ledger', 'sentinels', i], 'a sentinel has no databases; leave the number out')
}

const hasDatabase = (url: string): boolean => !/^\/?0?$/.test(new URL(url).pathname)

function resolveHistory(
  history: Settings['history'],
  {
    place,
    dataDirectory,
  }: { readonly place: (path: string) => string; readonly dataDirectory: string },
): Config['history'] {
  if (history.path === noHistory) return undefined
  return {
    path: place(history.path ?? `${dataDirectory}/history.db`),
    keepMs: history.keep,
    maxSizeBytes: history.max_size,
    addresses: history.addresses,
    queueBytes: history.queue,
  }
}

function resolveAdmin(
  { admin, hostname = ownName() }: Pick<Settings, 'admin' | 'hostname'>,
  place: (path: string) => string,
  report: Report,
): Config['admin'] | undefined {
  const { listen, tokens } = admin
  if (listen === undefined) {
    if (admin.socket !== undefined)
      report(['admin', 'socket'], 'is served besides admin.listen, which is off')
    return undefined
  }
  if (tokens.length === 0 && !isLoopback(listen.host)) {
    report(
      ['admin', 'listen'],
      `${listen.host} can be reached by other hosts, expected tokens beside it; or listen on 127.0.0.1`,
    )
  }
  for (const [i, { name }] of tokens.entries())
    if (tokens.findIndex((other) => other.name === name) < i)
      report(['admin', 'tokens', i, 'name'], `${name} is there twice; give each token its own name`)
  return {
    listen,
    tokens: tokens.map(({ name, role, token_file: file }) => ({ name, role, file: place(file) })),
    hosts: [hostname, ...admin.hosts],
    ...(admin.socket !== undefined && {
      socket: { path: place(admin.socket), mode: parseInt(admin.socket_mode, 8) },
    }),
    requestsPerMinute: admin.requests_per_minute,
    failuresPerMinute: admin.failures_per_minute,
    eventsKeptBytes: admin.events_kept,
  }
}

function resolveRunAs(
  runAs: NonNullable<Settings['run_as']>,
  report: Report,
): NonNullable<Config['runAs']> {
  const { user, group } = runAs
  for (const [key, name] of Object.entries({ user, group })) {
    if (name === 'root' || name === '0')
      report(
        ['run_as', key],
        `got ${name}, expected another user or group: root is what is given up`,
      )
  }
  return { user, ...(group !== undefined && { group }) }
}

const resolveLimits = (limits: Settings['limits']): Config['limits'] => ({
  messageSizeBytes: limits.message_size,
  recipients: limits.recipients,
  sessions: limits.sessions,
  sessionsPerAddress: limits.sessions_per_address,
  sessionsPerNetwork: limits.sessions_per_network,
  rates: resolveRates(limits),
  bouncesPerHour: limits.bounces_per_hour,
  observedAtATime: limits.observed_at_a_time,
  dnsQuestionsPerMinute: limits.dns_questions_per_minute,
  allDnsQuestionsPerMinute: limits.all_dns_questions_per_minute,
  textMinimumRate: limits.text_minimum_rate,
  commandLineBytes: limits.command_line,
  textLineBytes: limits.text_line,
  headerBytes: limits.header,
  transactionsPerSession: limits.transactions_per_session,
  errorsPerSession: limits.errors_per_session,
  openSplits: {
    all: limits.open_splits,
    perSender: limits.open_splits_per_sender,
    bytesPerSender: limits.open_split_bytes_per_sender,
    perClient: limits.open_splits_per_client,
  },
})

/** What is open has to fit, and some that are closed beside it. */
function resolveLedgerBounds(
  { ledger, limits }: Settings,
  report: Report,
): Pick<Config['ledger'], 'maxSplits' | 'maxBytes'> {
  const most = Math.floor(0.9 * ledger.max_splits)
  if (limits.open_splits > most)
    report(
      ['limits', 'open_splits'],
      `got ${limits.open_splits}, expected at most ${most}, nine tenths of ledger.max_splits; make that larger, or this smaller`,
    )
  return { maxSplits: ledger.max_splits, maxBytes: ledger.max_size }
}

const resolveTimeouts = (timeouts: Settings['timeouts']): Config['timeouts'] => ({
  commandMs: timeouts.command,
  textMs: timeouts.text,
  replyMs: timeouts.reply,
  underWayMs: timeouts.under_way,
  tlsHandshakeMs: timeouts.tls_handshake,
  proxyHeaderMs: timeouts.proxy_header,
  policyMs: timeouts.policy,
  workerMs: timeouts.worker,
  shutdownMs: timeouts.shutdown,
})
