/** The keys of `judges`: the filters that score a message. */
import { z } from 'zod'
import * as is from './notation.ts'
import { key } from './notation.ts'

const onFailure = key(
  z.enum(['accept', 'tag', 'defer']).prefault('accept'),
  'What recipients get when this judge fails: the message, the message tagged, or 451 for the sender.',
)
const connectTimeout = key(
  is.duration('100ms', '1m').prefault('2s'),
  'Longest wait for a connection to a server, and for its TLS handshake; then Rcptwise asks the next one.',
)
const common = {
  time_limit: key(
    is.duration('100ms', '5m').prefault('8s'),
    'How long Rcptwise waits for the judgement once the text is complete.',
  ),
  connect_timeout: connectTimeout,
  on_failure: onFailure,
}

const headers = z.strictObject({
  from: key(
    z.array(is.range()).optional(),
    'Hosts whose fields Rcptwise believes: those that the scanner runs on, or that mail comes through behind it. Everybody else can write such a field, too.',
    'the hosts in `trusted`',
  ),
  field: key(
    z
      .enum(['X-Spam-Score', 'X-Rspamd-Score', 'X-Spam-Status', 'X-Spamd-Result'])
      .prefault('X-Spam-Score'),
    'The field that the scanner writes; Rcptwise ignores all others.',
  ),
  on_failure: onFailure,
})

const rspamd = z.strictObject({
  url: key(
    is.oneOrMore(is.httpServer()),
    'A normal worker of rspamd, or several: Rcptwise asks the next one when one fails. `http+unix:///path` is a Unix socket.',
  ),
  scan: key(
    z.enum(['once', 'per_group']).prefault('once'),
    'One scan of a message, with all recipients; or one a group, with the recipients of that group alone, where rspamd has rules or a Bayes database per user.',
  ),
  compression: key(
    z.enum(['none', 'zstd']).prefault('none'),
    '`zstd`: Rcptwise compresses the text, where rspamd is behind a slow network. rspamd compresses its answer then, too.',
  ),
  password_file: key(
    is.text('a file name').optional(),
    'File with the password that rspamd wants, on one line.',
    'none',
  ),
  ...common,
  max_size: key(
    is.size('1KiB', '1GiB').prefault('20MiB'),
    'Rcptwise does not let rspamd judge a larger message: no score is compared with the thresholds. Keep it below `max_message` of rspamd (50 MiB).',
  ),
  at_a_time: key(
    is.whole(1, 10_000).prefault(100),
    'Messages that rspamd judges at one time, of each worker process.',
  ),
  answer_size: key(
    is.size('1KiB', '64MiB').prefault('4MiB'),
    'Rcptwise takes a longer answer for a failure.',
  ),
})

const spamd = z.strictObject({
  url: key(
    is.oneOrMore(is.spamdServer()),
    'spamd, or several: Rcptwise asks the next one when one fails. `spamd+unix:///path` is a Unix socket.',
  ),
  scan: key(
    z.enum(['once', 'per_policy', 'per_recipient']).prefault('once'),
    'One scan of a message; or one for each policy, as the user that has its name; or one for each recipient, as the user that the address is. The latter two are for a spamd that has settings or a Bayes database per user.',
  ),
  user: key(
    is.text('a user of spamd', /^[!-~]{1,200}$/).optional(),
    'The user of the one scan.',
    'that of spamd itself',
  ),
  ...common,
  max_size: key(
    is.size('1KiB', '1GiB').prefault('512KiB'),
    'Rcptwise does not let spamd judge a larger message: no score is compared with the thresholds.',
  ),
  at_a_time: key(
    is.whole(1, 10_000).prefault(5),
    'Scans at one time, of each worker process; spamd has five children unless you give it more.',
  ),
  answer_size: key(
    is.size('1KiB', '64MiB').prefault('64KiB'),
    'Rcptwise takes a longer answer for a failure.',
  ),
})

const name = is.text('a name of letters, digits, _ and -', /^[A-Za-z][\w-]{0,39}$/)

const milter = z.strictObject({
  url: key(
    is.oneOrMore(is.milterServer()),
    'The socket of the filter, as Postfix writes it, or several: Rcptwise asks the next one when one fails.',
  ),
  name: key(
    name.prefault('milter'),
    'What log and metrics call it, where you have several milters.',
  ),
  time_limit: key(
    is.duration('100ms', '5m').prefault('30s'),
    'How long Rcptwise waits for the judgement once the text is complete, whatever the filter says meanwhile.',
  ),
  connect_timeout: connectTimeout,
  on_failure: onFailure,
  max_size: key(
    is.size('1KiB', '1GiB').prefault('50MiB'),
    'Rcptwise does not show a larger message to the filter.',
  ),
  at_a_time: key(
    is.whole(1, 10_000).prefault(100),
    'Messages that the filter is shown at one time, of each worker process.',
  ),
  answer_size: key(
    is.size('1KiB', '64MiB').prefault('4MiB'),
    'All that the filter says of one message, a new body included; Rcptwise takes more for a failure.',
  ),
})

const hook = z.strictObject({
  url: key(
    is.oneOrMore(is.httpUrl()),
    'Where the filter listens, or several: Rcptwise asks the next one when one fails. `http+unix:///socket:/path` is a Unix socket.',
  ),
  name: key(name.prefault('hook'), 'What log and metrics call it, where you have several hooks.'),
  protocol: key(
    z.enum(['stalwart']),
    "The dialect of MTA Hooks, which you have to name: other dialects are not compatible. `stalwart` is Stalwart's JSON.",
  ),
  text: key(
    z.enum(['contents', 'raw']).prefault('contents'),
    '`contents`: what stands behind the header section, as text. `raw`: in its place `rawMessage`, the whole message in base64.',
  ),
  token_file: key(
    is.text('a file name').optional(),
    'File with a bearer token that the filter wants, on one line.',
    'none',
  ),
  user: key(
    is.text('a user name without a colon', /^[!-9;-~]{1,200}$/).optional(),
    'The user of basic credentials that the filter wants.',
    'none',
  ),
  password_file: key(
    is.text('a file name').optional(),
    'File with the password of `user`, on one line.',
    'none',
  ),
  ...common,
  max_size: key(
    is.size('1KiB', '1GiB').prefault('20MiB'),
    'Rcptwise does not ask the filter about a larger message.',
  ),
  at_a_time: key(
    is.whole(1, 10_000).prefault(100),
    'Messages that Rcptwise asks about at one time, of each worker process.',
  ),
  answer_size: key(
    is.size('1KiB', '64MiB').prefault('4MiB'),
    'Rcptwise takes a longer answer for a failure. Contents that replace those of a message are part of the answer.',
  ),
})

const judge = z.strictObject({
  headers: key(
    headers.optional(),
    'The score that a scanner in front of Rcptwise wrote into the header section, and GTUBE: docs/judges.md.',
    'none',
  ),
  rspamd: key(rspamd.optional(), 'rspamd, over HTTP: docs/judges.md.', 'none'),
  spamd: key(spamd.optional(), 'SpamAssassin, by the protocol of spamd: docs/judges.md.', 'none'),
  milter: key(
    milter.optional(),
    'A milter, as Postfix and sendmail ask it: docs/judges.md.',
    'none',
  ),
  hook: key(hook.optional(), 'A filter of your own, over HTTP: docs/judges.md.', 'none'),
})

export const judges = z.preprocess((raw) => raw ?? undefined, z.array(judge).optional())

export const lastWord = z.enum(['judges', 'backend']).prefault('judges')
