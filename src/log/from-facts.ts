/**
 * The log lines of the product. One info line tells all of a transaction; trouble is a
 * warning; `event` has a fixed word a kind, for filters.
 */
import type { Fact, FactListener } from '../facts/fact.ts'
import type { ClientCertificate } from '../facts/sessions.ts'
import type { Log } from './log.ts'
import { type About, MessageIds } from './message-ids.ts'
import { onNotObserved, onObserved } from './observed.ts'
import { onPolicies } from './policies.ts'
import { onMissing, onSplitClosed } from './splits.ts'
import { describeTransaction, transactionFields } from './transaction-line.ts'
import { cutList, cutText } from './cut.ts'
import { Floods } from './floods.ts'

/**
 * Limits are reached in floods, of which one line a minute and limit, or server, with a count, says
 * enough.
 */
const everyMs = 60_000

export function logFromFacts(log: Log): FactListener {
  const reached = new Floods(everyMs)
  const full = new Floods(everyMs)
  const refusals = new Floods(everyMs)
  const messages = new MessageIds()
  const about = (transaction: string | undefined): About => messages.about(transaction)
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
    messages.hear(fact)
    switch (fact.kind) {
      case 'transactionEnded':
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
      case 'senderLearned': {
        const { sender, strategy, why } = fact
        log.info(
          { event: fact.kind, sender, strategy, why },
          `auto serves ${sender} ${strategy} from now on: ${why}`,
        )
        return
      }
      case 'senderChanged': {
        const { sender, change, strategy, by } = fact
        log.info(
          { event: fact.kind, sender, change, strategy, by },
          `sender ${sender} ${change} by ${by}`,
        )
        return
      }
      case 'strategyChanged': {
        const { peer, strategy, by } = fact
        const until = fact.until === undefined ? undefined : new Date(fact.until).toISOString()
        const word = fact.reset ? 'reset to' : 'set to'
        log.info(
          { event: fact.kind, peer, strategy, until, by, reset: fact.reset },
          `strategy of ${peer} ${word} ${strategy}`,
        )
        return
      }
      case 'splitForgiven': {
        const { split, peer, by } = fact
        log.info({ event: fact.kind, split, peer, by }, `split ${split} forgiven by ${by}`)
        return
      }
      case 'judged':
        if (fact.result === 'failed')
          log.warn(
            {
              event: 'judgeFailed',
              ...about(fact.transaction),
              judge: fact.judge,
              why: cutText(fact.why ?? ''),
              ms: fact.ms,
            },
            'judge failed',
          )
        else if (fact.result === 'silent' && fact.why !== undefined)
          log.info(
            {
              event: 'judgeSkipped',
              ...about(fact.transaction),
              judge: fact.judge,
              why: cutText(fact.why),
            },
            'judge was not asked',
          )
        return
      case 'judgeLeftOut': {
        const { transaction, judge } = fact
        log.warn(
          { event: fact.kind, ...about(transaction), judge, what: cutText(fact.what) },
          'something between a judge and a message was left out',
        )
        return
      }
      case 'foreignFieldsRemoved': {
        const { shown: fields, leftOut } = cutList(fact.names, cutText)
        log.debug(
          { event: fact.kind, ...about(fact.transaction), fields, ...leftOut },
          'header fields of a stranger were removed',
        )
        return
      }
      case 'judgeServerDown': {
        const { judge, server } = fact
        log.warn(
          { event: fact.kind, judge, server, why: cutText(fact.why) },
          'judge is not asked for a while',
        )
        return
      }
      case 'judgeServerBack': {
        const { judge, server } = fact
        log.info({ event: fact.kind, judge, server }, 'judge answers again')
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
      case 'certificateLoaded': {
        const { name, file, expiresAt } = fact
        log.info(
          { event: fact.kind, name, file, expires: new Date(expiresAt).toISOString() },
          `certificate for ${name} in use`,
        )
        return
      }
      case 'certificateKept':
        log.warn(
          { event: fact.kind, file: fact.file, why: cutText(fact.why) },
          'new certificate is wrong: the old one stays in use',
        )
        return
      case 'certificateExpires': {
        const { at, name, file, expiresAt } = fact
        const days = Math.floor((expiresAt - at) / 86_400_000)
        const when = days < 0 ? 'has expired' : `expires in ${days} days`
        log.warn(
          { event: fact.kind, name, file, expires: new Date(expiresAt).toISOString() },
          `certificate for ${name} ${when}: renew it`,
        )
        return
      }
      case 'spoolFailed':
        log.warn(
          { event: fact.kind, ...about(fact.transaction), why: cutText(fact.why) },
          'a message could not be kept (spool.directory)',
        )
        return
      case 'ledgerTrouble':
        log.warn(
          { event: fact.kind, why: cutText(fact.why) },
          'ledger can not be written: it goes on in memory',
        )
        return
      case 'ledgerRecovered':
        log.info({ event: fact.kind }, 'ledger is written again')
        return
      case 'workerHung': {
        const { kind: event, slot, pid, silentMs } = fact
        log.error(
          { event, slot, pid, silentMs },
          `worker ${slot} has not reacted for ${Math.round(silentMs / 1000)} s: it is ended`,
        )
        return
      }
      case 'workerLost': {
        const { kind: event, slot, pid, how, againMs } = fact
        log.error(
          { event, slot, pid, how, againMs },
          `worker ${slot} ended with ${how}: another one is started`,
        )
        return
      }
      case 'configLoaded': {
        const { kind: event, needRestart } = fact
        log.info({ event }, 'configuration loaded: new sessions are served with it')
        if (needRestart.length > 0)
          log.warn(
            { event: 'restartNeeded', keys: needRestart },
            `${needRestart.join(', ')}: changed, but only a restart brings it into force`,
          )
        return
      }
      case 'configKept':
        log.error(
          { event: fact.kind, why: fact.why },
          `new configuration is wrong: the old one stays in use (${fact.why[0] ?? ''})`,
        )
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
    }
  }
}

/** Every message hears it, so one line a minute for each server and step. */
function onRefusal(
  log: Log,
  fact: Fact & { readonly kind: 'backendRefusesUs' },
  {
    floods,
    about,
  }: { readonly floods: Floods; readonly about: (transaction: string | undefined) => About },
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

function onBounce(log: Log, fact: Fact & { readonly kind: 'bounce' }, about: About): void {
  const { session, peer, result, by, recipients } = fact
  const why = fact.why === undefined ? undefined : cutText(fact.why)
  const fields = {
    event: fact.kind,
    session,
    ...about,
    peer,
    from: cutText(fact.reversePath),
    result,
    by,
    recipients,
    why,
  }
  if (result === 'reported') log.info(fields, `${recipients ?? 0} refused: reported to the sender`)
  else if (result === 'failed')
    log.warn(fields, 'the backend did not take the report of refusals: 451')
  else log.info(fields, `refusals not reported to the sender: ${result}`)
}
