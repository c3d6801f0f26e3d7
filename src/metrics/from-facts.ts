/**
 * Every count and duration of the product, derived from the facts that the log line is derived from
 * too.
 */
import type { Fact, FactListener } from '../facts/fact.ts'
import {
  isForcedRetry,
  type RecipientFact,
  type TransactionFact,
  type VerdictName,
} from '../facts/transaction.ts'
import type { ObservedFact } from '../facts/observed.ts'
import { initialiseStrategy } from './initialise.ts'
import type { Metrics } from './registry.ts'
import { series } from './series.ts'

const seconds = (ms: number): number => Math.max(0, ms) / 1000
const yesNo = (flag: boolean): 'yes' | 'no' => (flag ? 'yes' : 'no')

/** The judged verdict; without one, what the last reply amounts to. */
function verdictOf(recipient: RecipientFact): VerdictName {
  if (recipient.verdict !== undefined) return recipient.verdict
  if (recipient.reply?.startsWith('5') === true) return 'reject'
  return recipient.reply?.startsWith('4') === true ? 'defer' : 'accept'
}

const replyClass = (code: number): string =>
  code >= 200 && code < 600 ? `${Math.floor(code / 100)}xx` : 'other'

/**
 * What comes back to a split was counted when it was opened. What was put off as a whole, and is no
 * split, comes again for its answer; who has been given it (`taken`) is remembered, so that the
 * return of the others is known for one. Whoever comes again while the first attempt is still at it
 * is acknowledged as a duplicate.
 */
const isNewMessage = ({ cameBack, split, recipients }: TransactionFact): boolean =>
  cameBack === undefined &&
  (split !== undefined ||
    recipients.some(
      ({ final, taken, duplicate }) => taken !== undefined || (final && duplicate !== true),
    ))

/**
 * `readsForAll`: false in a process whose recipient files another one reads, too, and counts: each
 * worker reads them for itself.
 */
export function metricsFromFacts(
  metrics: Metrics,
  { readsForAll = true }: { readonly readsForAll?: boolean } = {},
): FactListener {
  const transactions = series((...labels) => metrics.transactionsTotal.labels(...labels))
  const messages = series((...labels) => metrics.messagesTotal.labels(...labels))
  const recipients = series((...labels) => metrics.recipientsTotal.labels(...labels))
  const duplicates = series((...labels) => metrics.duplicatesSuppressedTotal.labels(...labels))
  const returns = series((...labels) => metrics.returnsTotal.labels(...labels))
  const shadows = series((...labels) => metrics.shadowForcedRetriesTotal.labels(...labels))
  const forcedRetries = series((...labels) => metrics.forcedRetriesTotal.labels(...labels))
  const retryDelay = series((...labels) => metrics.retryDelaySeconds.labels(...labels))
  const deliveries = series((...labels) => metrics.backendDeliverySeconds.labels(...labels))
  const judgements = series((...labels) => metrics.judgeSeconds.labels(...labels))
  const lookUps = series((...labels) => metrics.policySeconds.labels(...labels))
  const recipientsOf = series((...labels) => metrics.policyRecipientsTotal.labels(...labels))
  const judgeResults = series((...labels) => metrics.judgeResultsTotal.labels(...labels))
  const sessionsOpen = series((...labels) => metrics.sessionsOpen.labels(...labels))
  /** What each open session is counted under, since a later EHLO can move it to another class. */
  const openSessions = new Map<string, { readonly peer: string; readonly tls: 'yes' | 'no' }>()
  const entriesOfFile = new Map<string, number>()

  const onTransaction = (fact: TransactionFact): void => {
    const { peer, strategy } = fact.splitOf ?? fact
    transactions(fact.peer, fact.mode, fact.outcome).inc()
    if (isNewMessage(fact)) messages(fact.peer, fact.mode).inc()
    if (fact.textMs !== undefined) metrics.messagesBytesTotal.inc(fact.sizeBytes)
    if (
      fact.cameBack !== undefined &&
      fact.recipients.some(({ returnedAfterMs }) => returnedAfterMs !== undefined)
    ) {
      const { sameConnection, elsewhere } = fact.cameBack
      initialiseStrategy(metrics, peer, strategy)
      returns(
        peer,
        strategy,
        sameConnection ? 'same_connection' : elsewhere ? 'other_address' : 'same_address',
      ).inc()
    }
    if (fact.guess !== undefined)
      metrics.returnGuessesTotal.inc({ peer: fact.peer, result: fact.guess })
    if (fact.shadow !== undefined)
      shadows(fact.peer, fact.shadow.strategy).inc(fact.shadow.forcedRetries)
    for (const recipient of fact.recipients) {
      if (recipient.final) recipients(fact.peer, verdictOf(recipient)).inc()
      if (recipient.duplicate === true && recipient.final) duplicates(fact.peer).inc()
      if (isForcedRetry(recipient)) {
        initialiseStrategy(metrics, peer, strategy)
        forcedRetries(peer, strategy).inc()
      }
      if (recipient.returnedAfterMs !== undefined) {
        initialiseStrategy(metrics, peer, strategy)
        retryDelay(peer, strategy).observe(seconds(recipient.returnedAfterMs))
      }
    }
  }

  const moveSession = (
    session: string,
    to: { readonly peer: string; readonly tls: 'yes' | 'no' } | undefined,
  ): void => {
    const from = openSessions.get(session)
    if (from !== undefined) sessionsOpen(from.peer, from.tls).dec()
    if (to === undefined) {
      openSessions.delete(session)
    } else {
      openSessions.set(session, to)
      sessionsOpen(to.peer, to.tls).inc()
    }
  }

  return metrics.registry.late((fact: Fact): void => {
    switch (fact.kind) {
      case 'transactionEnded':
        onTransaction(fact)
        return
      case 'sessionOpened':
        moveSession(fact.session, { peer: fact.peer, tls: 'no' })
        return
      case 'sessionSecured':
        moveSession(fact.session, { peer: fact.peer, tls: 'yes' })
        metrics.tlsHandshakesTotal.inc({ protocol: fact.protocol })
        return
      case 'tlsFailed':
        metrics.tlsFailuresTotal.inc({ reason: fact.reason })
        return
      case 'certificateLoaded':
        metrics.tlsCertificateReloadsTotal.inc({ result: 'loaded' })
        return
      case 'certificateKept':
        metrics.tlsCertificateReloadsTotal.inc({ result: 'kept' })
        return
      case 'certificateExpires':
        // tls_certificate_expiry_seconds says it at every scrape.
        return
      case 'sessionClosed':
        moveSession(fact.session, undefined)
        metrics.sessionsTotal.inc({ peer: fact.peer, tls: yesNo(fact.tls) })
        metrics.sessionEndsTotal.inc({ why: fact.why })
        return
      case 'connectionRefused':
        metrics.connectionsRefusedTotal.inc({ limit: fact.limit })
        metrics.limitHitsTotal.inc({ limit: fact.limit })
        return
      case 'limitReached':
        metrics.limitHitsTotal.inc({ limit: fact.limit })
        return
      case 'splitOpened':
        initialiseStrategy(metrics, fact.peer, fact.strategy)
        metrics.splitsOpenedTotal.inc({ peer: fact.peer, strategy: fact.strategy })
        return
      case 'splitClosed': {
        const labels = { peer: fact.peer, strategy: fact.strategy }
        initialiseStrategy(metrics, fact.peer, fact.strategy)
        metrics.splitsTotal.inc({ ...labels, outcome: fact.outcome })
        metrics.splitDurationSeconds.observe(labels, seconds(fact.durationMs))
        metrics.abandonedRecipientsTotal.inc(labels, fact.abandonedRecipients.length)
        return
      }
      case 'recipientsMissing': {
        const { peer, strategy, othersAnswered, recipients: missing } = fact
        initialiseStrategy(metrics, peer, strategy)
        if (othersAnswered) metrics.missingRecipientsTotal.inc({ peer, strategy }, missing.length)
        return
      }
      case 'messageIdRead':
        return // for the log
      case 'senderLearned':
      case 'splitForgiven':
        return // counted in splits_total when its message comes
      case 'drainChanged':
        return // draining says it at every scrape
      case 'senderChanged':
        // learned_senders says it at every scrape.
        return
      case 'strategyChanged':
        initialiseStrategy(metrics, fact.peer, fact.strategy)
        return
      case 'judged':
        judgements(fact.judge).observe(seconds(fact.ms))
        judgeResults(fact.judge, fact.result).inc()
        return
      case 'judgeLeftOut':
        metrics.judgeLeftOutTotal.inc({ judge: fact.judge })
        return
      case 'foreignFieldsRemoved':
        metrics.foreignFieldsTotal.inc()
        return
      case 'judgeServerDown':
        metrics.judgeServersDown.inc({ judge: fact.judge })
        return
      case 'judgeServerBack':
        metrics.judgeServersDown.dec({ judge: fact.judge })
        return
      case 'messageObserved':
        onObserved(metrics, fact)
        return
      case 'messageNotObserved':
        metrics.observedMessagesTotal.inc({ peer: fact.peer, result: 'not_observed' })
        return
      case 'bounce':
        metrics.bouncesTotal.inc({ peer: fact.peer, result: fact.result })
        return
      case 'policiesAsked':
        lookUps(fact.source).observe(seconds(fact.ms))
        recipientsOf(fact.source, 'asked').inc(fact.recipients)
        return
      case 'policiesRecalled':
        recipientsOf(fact.source, fact.stale ? 'stale' : 'kept').inc(fact.recipients)
        return
      case 'policyFailed':
        metrics.policyFailuresTotal.inc({ source: fact.source })
        return
      case 'aliasesWrong':
        metrics.policyWrongTotal.inc({ source: 'aliases' })
        return
      case 'policyWrong':
        metrics.policyWrongTotal.inc({ source: fact.source })
        return
      case 'policiesLoaded':
        entriesOfFile.set(fact.file, fact.entries)
        metrics.policyEntries.set(
          [...entriesOfFile.values()].reduce((sum, entries) => sum + entries, 0),
        )
        if (readsForAll) metrics.policyReloadsTotal.inc({ result: 'loaded' })
        return
      case 'policiesKept':
        if (readsForAll) metrics.policyReloadsTotal.inc({ result: 'kept' })
        return
      case 'backendConnected':
        metrics.backendConnectionsTotal.inc({ server: fact.server })
        metrics.backendConnectSeconds.observe({ server: fact.server }, seconds(fact.ms))
        return
      case 'backendFailed':
        metrics.backendErrorsTotal.inc({ server: fact.server, step: fact.step })
        return
      case 'backendRefusesUs':
        metrics.backendSetupRefusalsTotal.inc({ server: fact.server, step: fact.step })
        return
      case 'backendEjected':
        metrics.backendEjectionsTotal.inc({ server: fact.server })
        return
      case 'backendFull':
        metrics.backendFullTotal.inc({ server: fact.server })
        return
      case 'backendReturned':
        return // backend_up says it at every scrape
      case 'backendDelivered':
        deliveries(fact.server, replyClass(fact.code)).observe(seconds(fact.ms))
        return
      case 'spoolFailed':
        return // counted in transactions_total, outcome deferred
      case 'ledgerTrouble':
        metrics.ledgerTroubleTotal.inc()
        metrics.ledgerDurable.set(0)
        return
      case 'ledgerRecovered':
        metrics.ledgerDurable.set(1)
        return
      case 'historyWritten':
        metrics.historyTransactionsTotal.inc({ result: 'written' }, fact.transactions)
        metrics.historyRecipientsTotal.inc(fact.recipients)
        metrics.historyWriteSeconds.observe(seconds(fact.ms))
        return
      case 'historyLeftOut':
        metrics.historyTransactionsTotal.inc({ result: 'left_out' }, fact.transactions)
        return
      case 'historyTrouble':
        metrics.historyTroubleTotal.inc()
        return
      case 'historyRecovered':
        return // what is written is counted
      case 'workerHung':
        metrics.workersHungTotal.inc()
        return
      case 'workerLost':
        metrics.workersLostTotal.inc()
        return
      case 'configLoaded':
        metrics.configReloadsTotal.inc({ result: 'loaded' })
        metrics.configKept.set(0)
        metrics.configLoadedSeconds.set(fact.at / 1000)
        return
      case 'configKept':
        metrics.configReloadsTotal.inc({ result: 'kept' })
        metrics.configKept.set(1)
    }
  })
}

function onObserved(
  metrics: Metrics,
  { peer, recipients, divided, costs = [] }: ObservedFact,
): void {
  metrics.observedMessagesTotal.inc({ peer, result: divided ? 'divided' : 'agreed' })
  for (const { verdict } of recipients) metrics.observedRecipientsTotal.inc({ peer, verdict })
  for (const { strategy, forcedRetries } of costs)
    metrics.observedForcedRetriesTotal.inc({ peer, strategy }, forcedRetries)
}
