/**
 * The log lines of the product. One info line tells all of a transaction; trouble is a
 * warning; `event` has a fixed word a kind, for filters.
 */
import type { Fact, FactListener } from '../facts/fact.ts'
import type { ClientCertificate } from '../facts/sessions.ts'
import { onBounce } from './bounces.ts'
import { onCertificates } from './certificates.ts'
import { onJudges } from './judges.ts'
import type { Log } from './log.ts'
import { type AboutOf, MessageIds } from './message-ids.ts'
import { onOperation } from './operation.ts'
import { because, onPeers } from './peers.ts'
import { onNotObserved, onObserved } from './observed.ts'
import { onHistory } from './history.ts'
import { isNotable } from './notable.ts'
import { onPolicies } from './policies.ts'
import { onMissing, onSplitClosed } from './splits.ts'
import { describeTransaction, transactionFields } from './transaction-line.ts'
import { cutText } from './cut.ts'
import { Floods } from './floods.ts'

/**
 * Limits are reached in floods, of which one line a minute and limit, or server, with a count, says
 * enough.
 */
const everyMs = 60_000

/** `messages`: `notable` leaves out those that all recipients took at once and as they came. */
export function logFromFacts(log: Log, messages: 'all' | 'notable' = 'all'): FactListener {
  const reached = new Floods(everyMs)
  const full = new Floods(everyMs)
  const refusals = new Floods(everyMs)
  const history = new Floods(everyMs)
  const ids = new MessageIds()
  const about: AboutOf = (transaction) => ids.about(transaction)
  const unobserved = new Floods(everyMs)

  const onLimit = (fact: Fact & { readonly kind: 'connectionRefused' | 'limitReached' }): void => {
    const { kind: event, at, limit } = fact
    const more = reached.line(limit, at)
    if (more === undefined) return
    const fields = { address: fact.address, limit, ...more }
    if (fact.kind === 'connectionRefused')
      log.warn({ event, ...fields }, `connection refused: limit ${limit} reached`)
    else
      log.warn(
        {
          event,
          session: fact.session,
          ...about(fact.transaction),
          peer: fact.peer,
          ...fields,
        },
        `limit ${limit} reached`,
      )
  }

  const onFull = (fact: Fact & { readonly kind: 'backendFull' }): void => {
    const { kind: event, at, server, address, connections } = fact
    const more = full.line(address, at)
    if (more === undefined) return
    log.warn(
      { event, server, address, connections, why: cutText(fact.why), ...more },
      `backend ${address} takes no more than ${connections} connections: messages wait for those`,
    )
  }

  return (fact) => {
    ids.hear(fact)
    switch (fact.kind) {
      case 'transactionEnded':
        if (messages === 'notable' && !isNotable(fact)) return
        log.deferred(fact.at, () => ({
          fields: transactionFields(fact),
          message: describeTransaction(fact),
        }))
        return
      case 'sessionClosed': {
        const { kind: event, session, peer, address, helo, tls, transactions, why, ms } = fact
        log.debug(
          { event, session, peer, address, helo: cutText(helo), tls, transactions, why, ms },
          `session ended: ${why}`,
        )
        return
      }
      case 'connectionRefused':
      case 'limitReached':
        onLimit(fact)
        return
      case 'splitOpened':
        log.debug(
          {
            event: fact.kind,
            ...about(fact.transaction),
            split: fact.split,
            peer: fact.peer,
            strategy: fact.strategy,
          },
          'split opened',
        )
        return
      case 'splitClosed':
        onSplitClosed(log, fact, about(fact.transaction))
        return
      case 'recipientsMissing':
        onMissing(log, fact)
        return
      case 'splitForgiven': {
        const { split, peer, by, reason } = fact
        const what = `split ${split} forgiven by ${by}${because(reason)}`
        log.info({ event: fact.kind, split, peer, by, reason }, what)
        return
      }
      case 'bounce':
        onBounce(log, fact, about(fact.transaction))
        return
      case 'policyFailed':
      case 'policyWrong':
      case 'aliasesWrong':
      case 'policiesAsked':
      case 'policiesRecalled':
      case 'policiesLoaded':
      case 'policiesKept':
        onPolicies(log, fact)
        return
      case 'backendFailed': {
        const { server, step, why } = fact
        const transaction = 'transaction' in fact ? fact.transaction : undefined
        const level = fact.quiet === true ? 'debug' : 'warn'
        log[level](
          { event: fact.kind, ...about(transaction), server, step, why: cutText(why) },
          `backend failed at ${step}`,
        )
        return
      }
      case 'backendRefusesUs':
        onRefusal(log, fact, { floods: refusals, about })
        return
      case 'backendEjected': {
        const { server, address, why, forMs } = fact
        log.warn(
          { event: fact.kind, server, address, why: cutText(why), forMs },
          `backend ${address} is left alone until it answers again`,
        )
        return
      }
      case 'backendFull':
        onFull(fact)
        return
      case 'backendReturned':
        log.info(
          { event: fact.kind, server: fact.server, address: fact.address },
          `backend ${fact.address} is used again`,
        )
        return
      case 'backendConnected':
        log.debug(
          { event: fact.kind, server: fact.server, ms: fact.ms, tls: fact.tls },
          'backend connected',
        )
        return
      case 'sessionSecured':
        if (fact.certificate !== undefined) onClientCertificate(log, fact, fact.certificate)
        return
      case 'tlsFailed': {
        const { address, session, reason, why } = fact
        log.info(
          { event: fact.kind, address, session, reason, why: cutText(why) },
          `TLS handshake failed: ${reason}`,
        )
        return
      }
      case 'historyTrouble':
      case 'historyRecovered':
      case 'historyLeftOut':
      case 'historyWritten':
        onHistory(log, fact, history)
        return
      case 'messageObserved':
        onObserved(log, fact)
        return
      case 'messageNotObserved':
        onNotObserved(log, fact, unobserved)
        return
      case 'sessionOpened':
      case 'messageIdRead':
      case 'backendDelivered':
        // Told by the transaction's or the session's own line.
        return
      case 'certificateLoaded':
      case 'certificateKept':
      case 'certificateExpires':
        onCertificates(log, fact)
        return
      case 'spoolFailed':
      case 'ledgerTrouble':
      case 'ledgerRecovered':
      case 'drainChanged':
      case 'workerHung':
      case 'workerLost':
      case 'configLoaded':
      case 'configKept':
        onOperation(log, fact, about)
        return
      case 'judged':
      case 'judgeLeftOut':
      case 'foreignFieldsRemoved':
      case 'judgeServerDown':
      case 'judgeServerBack':
        onJudges(log, fact, about)
        return
      case 'senderLearned':
      case 'senderChanged':
      case 'strategyChanged':
        onPeers(log, fact)
        return
    }
  }
}

/** Every message hears it, so one line a minute for each server and step. */
function onRefusal(
  log: Log,
  fact: Fact & { readonly kind: 'backendRefusesUs' },
  { floods, about }: { readonly floods: Floods; readonly about: AboutOf },
): void {
  const { kind: event, at, server, step, reply } = fact
  const transaction = 'transaction' in fact ? fact.transaction : undefined
  const more = floods.line(`${server} ${step}`, at)
  if (more === undefined) return
  log.error(
    { event, ...about(transaction), server, step, reply: cutText(reply), ...more },
    `backend ${server} refuses this front-end at ${step}, whatever the message: clients are told 451 (docs/refusals.md)`,
  )
}

function onClientCertificate(
  log: Log,
  fact: Fact & { readonly kind: 'sessionSecured' },
  certificate: ClientCertificate,
): void {
  const { session, peer, protocol, cipher } = fact
  const { fingerprint, verified } = certificate
  const [subject, issuer] = [cutText(certificate.subject), cutText(certificate.issuer)]
  log.info(
    {
      event: 'clientCertificate',
      session,
      peer,
      protocol,
      cipher,
      subject,
      issuer,
      fingerprint,
      verified,
    },
    `client certificate ${verified === 'yes' ? 'verified' : `not verified: ${verified}`}`,
  )
}
