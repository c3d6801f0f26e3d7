/**
 * Every event of the log: its level, its fields besides `time`, `level`, `event`, `pid` and `msg`,
 * and what to do. docs/log.md has it as a table (tools/log-docs.ts); a test holds it against what
 * is really written.
 */

export interface EventWords {
  readonly level: string
  readonly fields: string
  readonly what: string
}

const event = (level: string, fields: string, what: string): EventWords => ({
  level,
  fields,
  what,
})

export const eventWords: Readonly<Record<string, EventWords>> = {
  transactionEnded: event('info', 'see above', 'A transaction is over. The line has all of it.'),
  messageObserved: event(
    'info',
    'transaction peer recipients recipientCount recipientsLeftOut divided forcedRetries messageId score symbols ms',
    'With `mode: observe`: what each recipient would have been told.',
  ),
  messageNotObserved: event(
    'warn',
    'transaction peer why messageId',
    'With `mode: observe`: a message was passed on, and nobody looked at it. Where `why` is `crowded`, the judges are too slow for your mail.',
  ),
  sessionClosed: event(
    'debug',
    'session peer address helo tls transactions why ms',
    'A client is gone, and why.',
  ),
  clientCertificate: event(
    'info',
    'session peer protocol cipher subject issuer fingerprint verified',
    'A client has shown a certificate.',
  ),
  tlsFailed: event(
    'info',
    'address reason why',
    'A TLS handshake failed. Many with `protocol` or `cipher` come from old clients: docs/tls.md.',
  ),
  connectionRefused: event(
    'warn',
    'address limit more',
    'A client was turned away at a limit; one line a minute and limit, `more` has the count of the others. If it is a client of yours, raise the limit: docs/limits.md.',
  ),
  limitReached: event(
    'warn',
    'session transaction messageId peer address limit more',
    'A client reached a limit, as above.',
  ),
  splitOpened: event('debug', 'transaction messageId split peer strategy', 'A split begins.'),
  splitClosed: event(
    'info or warn',
    'transaction messageId split peer strategy outcome ms recipients recipientsLeftOut lastAttempt',
    'A split has ended. A warning is one that its sender has given up: `rcptwise splits ID` and look at the strategy of the sender.',
  ),
  splitForgiven: event(
    'info',
    'split peer by',
    'A split goes through unsplit at its next attempt.',
  ),
  recipientsMissing: event(
    'warn or info',
    'split peer strategy client vouched from messageId recipients recipientsLeftOut lastAttempt',
    'Nobody offers deferred recipients again. Their mail may be lost: docs/strategies.md.',
  ),
  bounce: event(
    'info or warn',
    'session transaction messageId peer from result by recipients why',
    'A report of refusals, or why there is none: docs/bounces.md.',
  ),
  senderLearned: event(
    'info',
    'sender strategy why',
    '`auto` serves a sender another way from now on. `rcptwise peers pin` decides otherwise.',
  ),
  senderChanged: event(
    'info',
    'sender change strategy from until by reason',
    'Somebody has pinned or forgotten a sender; `until`: when the pin is over.',
  ),
  strategyChanged: event(
    'info',
    'peer strategy from by until reset reason',
    'Somebody has set or reset the strategy of a class.',
  ),
  drainChanged: event('info', 'draining by', 'Somebody has begun or ended the draining.'),
  backendConnected: event('debug', 'server ms', 'A connection to your server was opened.'),
  backendFailed: event(
    'warn or debug',
    'transaction messageId server step why',
    'Your server failed at a step of the dialogue, and the client is told 4yz. See whether it runs.',
  ),
  backendRefusesUs: event(
    'error',
    'transaction messageId server step reply more',
    'Your server refuses Rcptwise itself, whatever the message. Correct its settings: docs/refusals.md.',
  ),
  backendFull: event(
    'warn',
    'server address connections why more',
    'Your server takes no more connections. Raise its limit, or lower `backend.connections`.',
  ),
  backendEjected: event(
    'warn',
    'server address why forMs',
    'Rcptwise leaves a server alone until it answers again.',
  ),
  backendReturned: event('info', 'server address', 'A server is used again.'),
  foreignFieldsRemoved: event(
    'debug',
    'transaction messageId fields',
    'Header fields of a stranger that only your filters may write were removed.',
  ),
  judgeFailed: event(
    'warn',
    'transaction messageId judge why ms',
    'A judge did not answer, and `on_failure` decided. See whether it runs.',
  ),
  judgeSkipped: event('info', 'transaction messageId judge why', 'A judge was not asked, and why.'),
  judgeLeftOut: event(
    'warn',
    'transaction messageId judge what',
    'A judge could not be told something, or wanted a change that is not made.',
  ),
  judgeServerDown: event(
    'warn',
    'judge server why',
    'A server of a judge failed several times, and is not asked for a while.',
  ),
  judgeServerBack: event('info', 'judge server', 'It answers again.'),
  policyFailed: event(
    'warn',
    'transaction messageId recipient source why',
    'A source of policies did not answer, and `recipients.on_failure` decided. See whether it runs.',
  ),
  policyWrong: event(
    'error',
    'recipient source why',
    'A source has what is no policy. Correct the entry; until then the default counts.',
  ),
  aliasesWrong: event(
    'error',
    'recipient why',
    'Aliases lead to no mailbox, or in a circle. Correct them.',
  ),
  policiesLoaded: event('info', 'file entries', 'A file of recipients is in use.'),
  policiesKept: event(
    'warn',
    'file why',
    'A file of recipients has a mistake, and its old content stays in use. Correct it.',
  ),
  certificateLoaded: event('info', 'name file expires', 'A certificate is in use.'),
  certificateKept: event(
    'warn',
    'file why',
    'A new certificate is wrong, and the old one stays in use. Correct the file.',
  ),
  certificateExpires: event('warn', 'name file expires', 'Renew the certificate.'),
  spoolFailed: event(
    'warn',
    'transaction messageId why',
    'A message could not be kept, and the client is told 452. See `spool.directory`.',
  ),
  ledgerTrouble: event(
    'warn',
    'why',
    'The ledger can not be written, and goes on in memory: docs/ledger.md. Free the disk, or see whether Redis runs.',
  ),
  ledgerRecovered: event('info', '', 'It is written again.'),
  historyTrouble: event(
    'warn',
    'why',
    'The history can not be written: docs/why.md. Mail goes on.',
  ),
  historyLeftOut: event('warn', 'transactions', 'So many messages are missing in the history.'),
  historyRecovered: event('info', '', 'It is written again.'),
  workerHung: event(
    'error',
    'slot pid silentMs',
    'A worker stood still and is ended. Its senders come again. Tell us, with the lines before.',
  ),
  workerLost: event(
    'error',
    'slot pid how againMs',
    'A worker ended by itself, and another one is started. Often it is too little memory: docs/deploy.md.',
  ),
  configLoaded: event('info', '', 'A new configuration is in use.'),
  configKept: event(
    'error',
    'why',
    'A new configuration has mistakes, and the old one stays in use. Each mistake has its line.',
  ),
  restartNeeded: event(
    'warn',
    'keys',
    'These keys have changed, and a restart brings them into use.',
  ),
  started: event('info', 'version listening backends admin mode workers', '`serve` listens.'),
  'not started': event('fatal', '', '`serve` could not start, and why.'),
  'not ready': event('warn', 'reasons', 'Mail gets 451 until the reasons are gone.'),
  root: event('warn', '', '`serve` runs as root. Set `run_as`.'),
  trouble: event('warn', '', 'systemd could not be told something.'),
  stopping: event('info', 'signal', '`serve` finishes what is under way.'),
  stopped: event('info', '', 'It has ended.'),
}
