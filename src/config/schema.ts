/**
 * The configuration file: every key with its type, default, unit and a sentence.
 * docs/configuration.md is generated from this; load.ts reads files with it; resolve.ts makes a
 * Config of the result. Keys are the words of config.ts in snake_case.
 */
import { z } from 'zod'
import * as is from './notation.ts'
import { key } from './notation.ts'
import { backend } from './schema-backend.ts'
import { history } from './schema-history.ts'
import { ledger } from './schema-ledger.ts'
import { judges, lastWord } from './schema-judges.ts'
import { bounces } from './schema-bounces.ts'
import { limits } from './schema-limits.ts'
import { ehlo, listen, tls } from './schema-listen.ts'
import { admin, log, runAs } from './schema-operation.ts'
import { peers } from './schema-peers.ts'
import { policies, quarantine, recipients } from './schema-policies.ts'
import { spool, timeouts } from './schema-timeouts.ts'

export const schema = z.strictObject({
  hostname: key(
    is.text('a host name', /^[A-Za-z0-9._-]{1,253}$/).optional(),
    'Name in the greeting, in Received fields and in the self-signed certificate.',
    'the name of the host',
  ),
  listen: key(listen, 'Where Rcptwise accepts mail; each entry may also be the address alone.'),
  tls: key(tls, 'Encryption towards clients; `listen[].tls` says which listener offers it.'),
  backend: key(
    backend,
    'Where mail goes. Rcptwise says yes to nobody before the backend has said yes.',
  ),
  relay_domains: key(
    z.array(is.domainPattern()).optional(),
    'The only domains for which Rcptwise accepts mail; `*.example.org` is any host below. You need this unless the backend is a sink.',
    'every domain',
  ),
  received_header: key(
    is.automatic().prefault('auto'),
    "Add a Received field; `auto` adds one unless the backend learns the client's address.",
  ),
  mode: key(
    z.enum(['enforce', 'observe']).prefault('enforce'),
    '`observe`: pass everything on as if Rcptwise were not there, and only count and log what it would have told each recipient. docs/in-and-out.md.',
  ),
  policies: key(
    policies,
    'What recipients may want, by name.',
    '`careful` {tag_at: 6, reject_at: 15}, `tag-only` {tag_at: 6}, `strict` {tag_at: 5, reject_at: 8}',
  ),
  recipients: key(recipients, 'How Rcptwise finds the policy of a recipient.'),
  unknown_recipients: key(
    z.enum(['refuse', 'conceal']).prefault('refuse'),
    'Addresses that the backend refuses: refuse them at RCPT, or only after the text, so that nobody learns which exist.',
  ),
  quarantine: key(
    quarantine,
    'Where quarantined messages go; without this, Rcptwise tags them.',
    'none',
  ),
  judges: key(
    judges,
    'What scores a message. The thresholds of policies are about the first score. `judges: []`: nothing scores it.',
    'in front of a `sink:` alone: headers from 127.0.0.0/8 and ::1',
  ),
  foreign_fields: key(
    z.enum(['remove', 'keep']).prefault('remove'),
    'Header fields that only your filters may write, from hosts that are neither in `trusted` nor in `judges[].headers.from`: `X-Spam-…`, `X-Spamd-…`, `X-Rspamd-…`, `X-Rcptwise-…`, and `Authentication-Results` in the name of `hostname`. docs/judges.md.',
  ),
  last_word: key(
    lastWord,
    '`backend`: the backend gets a message once per group, and its reply is the verdict of that group.',
  ),
  peers: key(
    peers,
    'Classes of clients, first match wins. What a class leaves out is as in the class `default`, which you may leave out too.',
  ),
  bounces: key(
    bounces,
    'Reports of refusals to the sender, for classes with `strategy: bounce`: docs/bounces.md.',
  ),
  trusted: key(
    z.array(is.range()).prefault([]),
    "The site's own networks; Rcptwise never splits their messages.",
  ),
  ledger: key(
    ledger.prefault({}),
    'The record of splits; may also be written `ledger: sqlite:PATH` or `ledger: redis://host:port/db`.',
  ),
  history: key(
    history.prefault({}),
    'What Rcptwise answered to whom, and why, for `rcptwise why`: docs/why.md. `history: off` keeps none.',
  ),
  admin: key(admin.prefault({}), 'Metrics, health and the admin API, over HTTP.'),
  bare_newlines: key(
    z.enum(['reject', 'normalize']).prefault('reject'),
    'A bare CR or LF in a message: refuse the message, or make it CRLF before anything else sees it.',
  ),
  greet_delay: key(
    is.duration('0s', '1m').prefault('0s'),
    'Wait before the greeting; Rcptwise turns away clients that talk first.',
  ),
  ehlo: key(ehlo, 'What Rcptwise offers to clients besides what the backend offers.'),
  limits: key(limits, 'Limits on clients; docs/limits.md says what the client gets at each.'),
  spool: key(spool, 'Where Rcptwise keeps messages while they pass through.'),
  timeouts: key(timeouts, 'Time limits.'),
  log: key(log, 'The log, on standard output.'),
  run_as: key(
    runAs.optional(),
    'The user that Rcptwise becomes, for good, when you start it as root. You need no such user under systemd (docs/deploy/systemd.md).',
    'whoever started it',
  ),
  workers: key(
    z
      .preprocess((raw) => (raw === 'auto' ? undefined : raw), is.whole(1, 256).optional())
      .prefault('auto'),
    'Number of processes that take mail, beside one that watches over them; `auto`: as many as the machine has cores. With 1 there is one process in all. See docs/deploy.md.',
  ),
  data_directory: key(
    is.text('a directory').prefault('rcptwise-data'),
    'Directory of the ledger, the history, the self-signed certificate and the sink, unless you name another place for them.',
  ),
})

/** The file's content with defaults and units resolved, but not yet its references. */
export type Settings = z.output<typeof schema>
