/**
 * Every metric of the product, named and described: the page that docs/metrics.md is made from
 * (tools/metrics-docs.ts).
 *
 * The prefix `rcptwise_` is added when they are made (registry.ts). Durations are seconds, sizes
 * are bytes. `peer` is the name of a peer class and never an address, so that the number of series
 * is bounded by the configuration.
 */

import { beforeAndAfter } from './before-and-after.ts'
import { historyMetrics, storeBuckets } from './history-metrics.ts'
import { ownParts } from './own-parts.ts'

export interface MetricDescription {
  readonly type: 'counter' | 'gauge' | 'histogram'
  /** Without the prefix. */
  readonly name: string
  readonly labels: readonly string[]
  readonly help: string
  /** Upper bounds of a histogram's buckets, in seconds. */
  readonly buckets?: readonly number[]
  /** What several processes have together of a gauge: the sum unless it says otherwise. */
  readonly ofAll?: 'min' | 'max'
}

export const metricPrefix = 'rcptwise_'

/** Without the prefix; whoever reads a metric by a name that there is not does not compile. */
export type MetricName = (typeof metricDescriptions)[keyof typeof metricDescriptions]['name']

/** Senders come back after anything from a tenth of a second to days (senders: first retry). */
const delayBuckets = [
  1, 5, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 14_400, 28_800, 86_400,
]
/**
 * From a local delivery to the ten minutes that a client must wait at the dot (RFC 5321 4.5.3.2.6).
 */
const workBuckets = [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 120, 300]
/** From a file that is in memory to the largest `timeouts.policy`. */
const lookUpBuckets = [0.000_01, 0.000_1, 0.001, 0.003, 0.01, 0.03, 0.1, 0.3, 1, 3, 10, 60]

export const metricDescriptions = {
  sessionsTotal: {
    type: 'counter',
    name: 'sessions_total',
    labels: ['peer', 'tls'],
    help: 'Client sessions that have ended; tls is yes or no. Add sessions_open to get those that began.',
  },
  sessionsOpen: {
    type: 'gauge',
    name: 'sessions_open',
    labels: ['peer', 'tls'],
    help: 'Client sessions open now; tls is yes once the handshake is done.',
  },
  sessionEndsTotal: {
    type: 'counter',
    name: 'session_ends_total',
    labels: ['why'],
    help: 'Ended client sessions by what ended them.',
  },
  connectionsRefusedTotal: {
    type: 'counter',
    name: 'connections_refused_total',
    labels: ['limit'],
    help: 'Connections that Rcptwise turned away before a session began, by the limit that the client reached.',
  },
  limitHitsTotal: {
    type: 'counter',
    name: 'limit_hits_total',
    labels: ['limit'],
    help: "Times that a client reached a limit, by the limit's name: docs/limits.md says what the client got.",
  },
  transactionsTotal: {
    type: 'counter',
    name: 'transactions_total',
    labels: ['peer', 'mode', 'outcome'],
    help: 'Transactions in which clients offered a message, by the answer: mode prdr, plain or split; outcome accepted, mixed, refused, deferred or aborted. A message that comes again is one more of them; messages_total counts it once.',
  },
  messagesTotal: {
    type: 'counter',
    name: 'messages_total',
    labels: ['peer', 'mode'],
    help: 'Messages, each once: when somebody of its recipients first has an answer for good, or is deferred to split it. What comes back to a split is no new message, in whichever worker and on whichever front-end that shares the ledger. A message that your server or a limit puts off as a whole counts when it has an answer. With PRDR, who was put off beside a refusal counts as one more message.',
  },
  messagesBytesTotal: {
    type: 'counter',
    name: 'messages_bytes_total',
    labels: [],
    help: 'Bytes of message text that Rcptwise received from clients.',
  },
  recipientsTotal: {
    type: 'counter',
    name: 'recipients_total',
    labels: ['peer', 'verdict'],
    help: "Recipients with a final answer, by their policy's verdict (accept, tag, quarantine, reject, defer); without a verdict, by the reply.",
  },
  forcedRetriesTotal: {
    type: 'counter',
    name: 'forced_retries_total',
    labels: ['peer', 'strategy'],
    help: 'Recipients whom Rcptwise deferred only to split their message, each time that it did so.',
  },
  ...beforeAndAfter,
  returnsTotal: {
    type: 'counter',
    name: 'returns_total',
    labels: ['peer', 'strategy', 'where'],
    help: "Attempts that went on with a split, by where they came: same_connection, same_address, or other_address. The last one is another of Rcptwise's own addresses than that of the attempt before: another MX name.",
  },
  returnGuessesTotal: {
    type: 'counter',
    name: 'return_guesses_total',
    labels: ['peer', 'result'],
    help: 'Transactions that Rcptwise took at RCPT for the return of a refused message, so that it deferred somebody. The result is right, wrong (another message, which they got at once) or untold (no text came).',
  },
  retryDelaySeconds: {
    type: 'histogram',
    name: 'retry_delay_seconds',
    labels: ['peer', 'strategy'],
    help: 'Time from a deferral until the sender offers that recipient again, once per recipient and return.',
    buckets: delayBuckets,
  },
  splitDurationSeconds: {
    type: 'histogram',
    name: 'split_duration_seconds',
    labels: ['peer', 'strategy'],
    help: 'Time from the first deferral of a split to the answer for its last recipient. For an abandoned split: until Rcptwise gave it up.',
    buckets: [...delayBuckets, 172_800, 432_000],
  },
  splitsOpen: {
    type: 'gauge',
    name: 'splits_open',
    labels: ['peer', 'strategy'],
    help: 'Messages that Rcptwise is answering in parts now, read from the ledger at each scrape. Front-ends that share a ledger report the same number.',
  },
  splitsOpenedTotal: {
    type: 'counter',
    name: 'splits_opened_total',
    labels: ['peer', 'strategy'],
    help: 'Splits that began: messages of which Rcptwise deferred a recipient for the first time.',
  },
  splitsTotal: {
    type: 'counter',
    name: 'splits_total',
    labels: ['peer', 'strategy', 'outcome'],
    help: 'Splits that ended: completed, forgiven (Rcptwise let the message through unsplit) or abandoned (the sender did not come back).',
  },
  abandonedRecipientsTotal: {
    type: 'counter',
    name: 'abandoned_recipients_total',
    labels: ['peer', 'strategy'],
    help: 'Recipients whom Rcptwise deferred and did not see again within ledger.patience. Each may be a lost message.',
  },
  missingRecipientsTotal: {
    type: 'counter',
    name: 'missing_recipients_total',
    labels: ['peer', 'strategy'],
    help: 'Deferred recipients whom nobody offered again within ledger.missing_after, while others of the message have their answer. Each may be mail lost to its recipient.',
  },
  missingRecipients: {
    type: 'gauge',
    name: 'recipients_missing',
    labels: ['peer', 'strategy'],
    help: 'Missing recipients (see missing_recipients_total) whom still nobody has offered again, counted once a minute. Front-ends that share a ledger report the same number.',
  },
  shadowForcedRetriesTotal: {
    type: 'counter',
    name: 'shadow_forced_retries_total',
    labels: ['peer', 'strategy'],
    help: "Forced retries that the class's shadow strategy would have cost; compare with forced_retries_total.",
  },
  learnedSenders: {
    type: 'gauge',
    name: 'learned_senders',
    labels: ['strategy'],
    help: 'Senders of which Rcptwise has learned something, by how auto serves them. Front-ends that share a ledger report the same number.',
  },
  duplicatesSuppressedTotal: {
    type: 'counter',
    name: 'duplicates_suppressed_total',
    labels: ['peer'],
    help: 'Recipients whom Rcptwise acknowledged on a retry without a second delivery, because they had the message already.',
  },
  strategyInForce: {
    type: 'gauge',
    name: 'strategy_in_force',
    labels: ['peer', 'strategy'],
    help: 'Always 1; its label is the strategy that applies to the peer class now, configured or set at run time.',
  },
  backendConnectionsTotal: {
    type: 'counter',
    name: 'backend_connections_total',
    labels: ['server'],
    help: 'Connections made to a backend server.',
  },
  backendConnectSeconds: {
    type: 'histogram',
    name: 'backend_connect_seconds',
    labels: ['server'],
    help: 'Time to connect to a backend server.',
    buckets: workBuckets,
  },
  backendConnectionsOpen: {
    type: 'gauge',
    name: 'backend_connections_open',
    labels: ['server', 'state'],
    help: 'Pooled connections to a backend server now; state is busy or idle.',
  },
  backendUp: {
    type: 'gauge',
    name: 'backend_up',
    ofAll: 'min',
    labels: ['server'],
    help: '1 while Rcptwise can use at least one address of a backend server, 0 while it can use none.',
  },
  backendEjectionsTotal: {
    type: 'counter',
    name: 'backend_ejections_total',
    labels: ['server'],
    help: 'Times that Rcptwise took an address of a backend server out of use because it did not answer as it should. Each worker process finds out for itself, and counts it.',
  },
  backendFullTotal: {
    type: 'counter',
    name: 'backend_full_total',
    labels: ['server'],
    help: 'Connections that a backend server turned away while others to it were open: it is at its own limit.',
  },
  backendErrorsTotal: {
    type: 'counter',
    name: 'backend_errors_total',
    labels: ['server', 'step'],
    help: 'Failures of a backend server, by the step of the dialogue: resolve, connect, tls, relay (it would relay for a stranger), greeting, mail, rcpt, data or text. A refusal of a message is not one.',
  },
  backendSetupRefusalsTotal: {
    type: 'counter',
    name: 'backend_setup_refusals_total',
    labels: ['server', 'step'],
    help: "Refusals of a backend server that are about Rcptwise or the server's setup, and not about the message (docs/refusals.md), by step: auth, mail, rcpt, data or text. The client got 451.",
  },
  backendDeliverySeconds: {
    type: 'histogram',
    name: 'backend_delivery_seconds',
    labels: ['server', 'reply'],
    help: "Time of one delivery to the backend until its reply to the text; reply is the reply's class: 2xx, 4xx or 5xx.",
    buckets: workBuckets,
  },
  judgeSeconds: {
    type: 'histogram',
    name: 'judge_seconds',
    labels: ['judge'],
    help: 'Time of one judgement.',
    buckets: workBuckets,
  },
  judgeServersDown: {
    type: 'gauge',
    name: 'judge_servers_down',
    ofAll: 'max',
    labels: ['judge'],
    help: 'Servers of a judge that Rcptwise does not ask for a while, because they failed several times in a row. Each worker process finds out for itself: this is the largest number.',
  },
  judgeLeftOutTotal: {
    type: 'counter',
    name: 'judge_left_out_total',
    labels: ['judge'],
    help: 'Messages of which a judge could not be told something, or for which it wanted a change that can not be made (log: judgeLeftOut).',
  },
  foreignFieldsTotal: {
    type: 'counter',
    name: 'foreign_fields_messages_total',
    labels: [],
    help: 'Messages from which Rcptwise removed header fields that only this site may write (log, level debug: foreignFieldsRemoved).',
  },
  judgeResultsTotal: {
    type: 'counter',
    name: 'judge_results_total',
    labels: ['judge', 'result'],
    help: 'Judgements: scored, forced (a result without a score), silent (the judge said nothing about the message) or failed.',
  },
  bouncesTotal: {
    type: 'counter',
    name: 'bounces_total',
    labels: ['peer', 'result'],
    help: 'Messages under strategy bounce that some refuse and others take. The result is reported (to the sender) or failed (the backend did not take the report, and the message comes again). With any other result Rcptwise served the message as lenient: automatic (a list or program), unvouched (no SPF or DKIM), limited, or undeliverable (the backend takes no such report).',
  },
  policySeconds: {
    type: 'histogram',
    name: 'policy_seconds',
    labels: ['source'],
    help: 'Time of one question to a source of policies: the recipients that a client offers together are one question.',
    buckets: lookUpBuckets,
  },
  policyFailuresTotal: {
    type: 'counter',
    name: 'policy_failures_total',
    labels: ['source'],
    help: 'Recipients whose policy Rcptwise could not look up, by the source that failed.',
  },
  policyRecipientsTotal: {
    type: 'counter',
    name: 'policy_recipients_total',
    labels: ['source', 'answer'],
    help: 'Recipients that Rcptwise looked up, by the answer. It was asked of the source, kept from before, or stale: kept too long, and used while the source fails. A stale one counts as asked, too.',
  },
  policyWrongTotal: {
    type: 'counter',
    name: 'policy_wrong_total',
    labels: ['source'],
    help: 'Answers of a source that are no policy, such as a threshold that is no number: the recipient has the default policy. With the source `aliases`: addresses whose aliases lead to no mailbox.',
  },
  policyEntries: {
    type: 'gauge',
    name: 'policy_entries',
    ofAll: 'max',
    labels: [],
    help: 'Entries of all recipient files in use.',
  },
  policyReloadsTotal: {
    type: 'counter',
    name: 'policy_reloads_total',
    labels: ['result'],
    help: 'Recipient files that Rcptwise read: loaded, or kept (the new content was wrong and the old one stays in use).',
  },
  spoolBytes: {
    type: 'gauge',
    name: 'spool_bytes',
    labels: ['kind'],
    help: 'Bytes of message texts that Rcptwise keeps now; kind is memory (spool.total_memory) or disk (spool.total_disk).',
  },
  spoolLimitBytes: {
    type: 'gauge',
    name: 'spool_limit_bytes',
    ofAll: 'max',
    labels: ['kind'],
    help: 'Bytes of message texts that Rcptwise may keep; kind is memory (spool.total_memory) or disk: spool.total_disk, or what the file system has room for if that is less.',
  },
  ledgerDurable: {
    type: 'gauge',
    name: 'ledger_durable',
    labels: [],
    ofAll: 'min',
    help: '1 while Rcptwise writes the ledger to its store, 0 while the ledger goes on in memory only.',
  },
  ledgerTroubleTotal: {
    type: 'counter',
    name: 'ledger_trouble_total',
    labels: [],
    help: 'Times that Rcptwise could not write the store of the ledger.',
  },
  ledgerSeconds: {
    type: 'histogram',
    name: 'ledger_seconds',
    labels: ['op'],
    help: 'Time of one operation of the ledger.',
    buckets: storeBuckets,
  },
  ...historyMetrics,
  ...ownParts,
} as const satisfies Record<string, MetricDescription>
