/**
 * The configuration file: every key with its type, default, unit and a sentence. docs/configuration.md is generated from
 * this; load.ts reads files with it; resolve.ts makes a Config of the result. Keys are the words of config.ts in snake_case.
 */
import { z } from 'zod'
import { configurableStrategies, strategyNames } from '../strategy/names.ts'
import * as is from './notation.ts'
import { key, section } from './notation.ts'
import { backend } from './schema-backend.ts'
import { ledger } from './schema-ledger.ts'
import { limits, limitsOfClass } from './schema-limits.ts'

const listener = z.preprocess(
  (raw) => (typeof raw === 'string' ? { address: raw } : raw),
  z.strictObject({
    address: key(is.listenAddress(), 'Address and port; port 0 takes any free one.'),
    tls: key(
      z.enum(['starttls', 'implicit', 'off']).prefault('starttls'),
      'Offer STARTTLS; or begin with the TLS handshake, as on port 465; or neither.',
    ),
    auth: key(
      z.preprocess((raw) => (raw === false ? 'off' : raw), z.enum(['off', 'pass', 'pass_in_clear']).prefault('off')),
      'AUTH: `pass` offers what the backend offers, after TLS, and lets the backend decide; `pass_in_clear` does so without TLS too. See docs/auth.md.',
    ),
    proxy_protocol_from: key(
      z.array(is.range()).prefault([]),
      'Proxies: connections from these addresses have to begin with a PROXY header (version 1 or 2), which says who the client is.',
    ),
  }),
)

const certificate = z.strictObject({
  cert: key(is.text('a file name'), 'PEM file with the certificate, followed by the rest of its chain.'),
  key: key(is.text('a file name'), 'PEM file with the private key, without a passphrase.'),
})

const policy = z.strictObject({
  tag_at: key(is.score().optional(), 'Score from which a message is tagged.', 'never'),
  quarantine_at: key(is.score().optional(), 'Score from which a message goes to `quarantine.address`.', 'never'),
  reject_at: key(is.score().optional(), 'Score from which a message is refused.', 'never'),
  never_defer: key(
    z.boolean().prefault(false),
    'Recipients with this policy always go through first: no delay for them.',
  ),
})

const source = z.strictObject({
  file: key(
    is.text('a file name'),
    'YAML file with one `address: policy` a line; see "Recipients\' policies in a file". Reloaded when it changes.',
  ),
})

const match = section({
  address: key(z.array(is.range()).prefault([]), 'Addresses and ranges of the client.'),
  rdns: key(
    z.array(is.domainPattern()).prefault([]),
    "Names of the client's address; a name counts only when it leads back to the address.",
  ),
  helo: key(
    z.array(is.domainPattern()).prefault([]),
    'Names that the client gives in EHLO. Anyone can say anything there.',
  ),
  sender_domain: key(z.array(is.domainPattern()).prefault([]), 'Domains of the reverse-path (MAIL FROM).'),
})

const name = () => is.text('a name of a to z, 0 to 9, "_" and "-"', /^[a-z0-9_-]{1,64}$/)

const peer = z.strictObject({
  name: key(name(), 'Name of the class, also in metrics; `default` is the last one and fits everyone else.'),
  match: key(match, 'A client is in the first class of which any one entry fits.'),
  strategy: key(
    z.enum(configurableStrategies).optional(),
    'How legacy clients of the class are served; `auto`: each sender as was learned of it, `late` or `lenient`.',
    '`auto`',
  ),
  shadow: key(
    z.enum([...strategyNames, 'none']).optional(),
    'Another strategy whose cost is counted and logged without doing it.',
    '`none`',
  ),
  defer_code: key(
    z.literal([450, 451, 452]).optional(),
    'Code of a deferral; with 452 Exim goes on in the same connection.',
    '451',
  ),
  retry_hint: key(is.retryHint().optional(), "When to come back, as a deferral's text says.", '`00:01:00`'),
  first: key(
    z.enum(['largest', 'offered']).optional(),
    'Which group goes first: the largest of pipelined RCPTs, or that of the first recipient offered.',
    '`largest`',
  ),
  deliver_deferred: key(
    z.boolean().optional(),
    '`group` and `single`: the text is delivered at once to those deferred as well, and their retry is acknowledged without a second delivery.',
    '`false`',
  ),
  forgive_as: key(
    z.enum(['lenient', 'off']).optional(),
    'How a message that makes no progress is let through unsplit.',
    '`lenient`',
  ),
  forgive_after: key(
    is.whole(1, 100).optional(),
    'Attempts without progress after which the next one is let through.',
    '1',
  ),
  max_forced_retries: key(
    is.whole(0, 1000).optional(),
    'Forced retries of one message after which it is let through.',
    '16',
  ),
  lenient_as: key(
    z.enum(['tag', 'quarantine']).optional(),
    'What `lenient` does for recipients who would have refused.',
    '`tag`',
  ),
  limits: key(limitsOfClass, 'Other limits for the peers of this class; not inherited by other classes.'),
})

const admin = z.preprocess(
  (raw) => (raw === false ? { listen: 'off' } : typeof raw === 'string' ? { listen: raw } : (raw ?? {})),
  z.strictObject({
    listen: key(
      z
        .preprocess((raw) => (raw === 'off' ? undefined : raw), is.listenAddress().optional())
        .prefault('127.0.0.1:9225'),
      'Where metrics, health and the admin API are served; `admin: off` for nowhere.',
    ),
    token_file: key(
      is.text('a file name').optional(),
      'File with the bearer token of the admin API; necessary when others than this host can reach it.',
      'no token',
    ),
  }),
)

const account = () => is.text('a name of the host, without spaces', /^[A-Za-z0-9_][A-Za-z0-9_.-]{0,63}$/)

const runAs = z.preprocess(
  (raw) => (typeof raw === 'string' ? { user: raw } : raw),
  z.strictObject({
    user: key(account(), 'User to become once ports and keys are open; may also be written `run_as: USER`.'),
    group: key(account().optional(), 'Its group.', "the user's own"),
  }),
)

const anyTime = (fallback: string) => is.duration('100ms', '1h').prefault(fallback)

export const schema = z.strictObject({
  hostname: key(
    is.text('a host name', /^[A-Za-z0-9._-]{1,253}$/).optional(),
    'Name in the greeting, in Received fields and in the self-signed certificate.',
    'the name of the host',
  ),
  listen: key(
    z
      .preprocess(
        (raw) => (typeof raw === 'string' ? [raw] : raw),
        z.array(listener).min(1, { error: 'at least one address' }),
      )
      .prefault(['127.0.0.1:2525']),
    'Where mail is taken; each entry may also be the address alone.',
  ),
  tls: key(
    section({
      certificates: key(
        z.array(certificate).prefault([]),
        'Pairs of files, chosen by the name the client asks for; the first is for everyone else. None: one is made and signed by itself.',
      ),
      minimum_version: key(
        z.enum(['TLSv1.2', 'TLSv1.3']).prefault('TLSv1.2'),
        'The oldest version that is spoken; older ones than these are not safe (RFC 8996).',
      ),
      ciphers: key(
        is
          .ciphers()
          .prefault(
            'ECDHE-ECDSA-AES128-GCM-SHA256:ECDHE-RSA-AES128-GCM-SHA256:ECDHE-ECDSA-AES256-GCM-SHA384:ECDHE-RSA-AES256-GCM-SHA384:ECDHE-ECDSA-CHACHA20-POLY1305:ECDHE-RSA-CHACHA20-POLY1305',
          ),
        "Ciphers in OpenSSL's notation, best first; names that begin with `TLS_` choose those of TLS 1.3. What the default leaves out, and when to add it: docs/tls.md.",
      ),
      request_client_certificate: key(
        z.boolean().prefault(false),
        'Ask clients for a certificate and log what they show; none is required.',
      ),
    }),
    'Encryption towards clients; which listener offers it: `listen[].tls`.',
  ),
  backend: key(backend, 'Where mail goes. Nobody is told yes before the backend said yes.'),
  relay_domains: key(
    z.array(is.domainPattern()).optional(),
    'The only domains mail is taken for; `*.example.org` is any host below. Necessary unless the backend is a sink.',
    'every domain',
  ),
  received_header: key(
    is.automatic().prefault('auto'),
    "Add a Received field; `auto` adds one unless the backend is told the client's address.",
  ),
  policies: key(
    z.record(z.string(), policy).optional(),
    'What recipients may want, by name.',
    '`careful` {tag_at: 6, reject_at: 15}, `tag-only` {tag_at: 6}, `strict` {tag_at: 5, reject_at: 8}',
  ),
  recipients: key(
    section({
      default: key(
        is.text('the name of a policy').optional(),
        'Policy of recipients that no source knows.',
        '`careful`',
      ),
      sources: key(z.array(source).prefault([]), "Where recipients' policies are looked up, in this order."),
      on_failure: key(
        z.enum(['defer', 'default']).prefault('defer'),
        'When a source fails: answer the recipient 451, or use the default policy.',
      ),
    }),
    'Which policy a recipient has.',
  ),
  unknown_recipients: key(
    z.enum(['refuse', 'conceal']).prefault('refuse'),
    'Addresses that the backend refuses: refuse them at RCPT, or only after the text, so that nobody learns which exist.',
  ),
  quarantine: key(
    z
      .strictObject({
        address: key(
          is.text('a mail address', /^[^\s@<>]+@[^\s@<>]+$/),
          'Where quarantined mail goes, in place of its recipient.',
        ),
      })
      .optional(),
    'Absent: messages to be quarantined are tagged.',
    'none',
  ),
  judge: key(
    section({
      headers: key(
        z.strictObject({}).nullable().optional(),
        'Judge by what earlier filters wrote into the header section, and by GTUBE.',
        'used when no judge is named',
      ),
      backend: key(
        z.strictObject({}).nullable().optional(),
        "One backend transaction a group; its reply is that group's verdict.",
        'not used',
      ),
      on_failure: key(z.enum(['accept', 'defer']).prefault('accept'), 'When the judge fails.'),
    }),
    'What scores a message; one of these.',
  ),
  peers: key(
    z.array(peer).prefault([]),
    'Classes of clients, first match wins. What a class leaves out is as in the class `default`, which may be left out too.',
  ),
  bounces: key(
    section({
      vouched_by: key(
        z.array(z.enum(['spf', 'dkim', 'symbols'])).prefault(['spf', 'dkim']),
        "Who may vouch for a sender, any one is enough: SPF of the reverse-path's domain, a DKIM signature of its organisation, symbols of the judge that say the same (`SPF_PASS`, `R_SPF_ALLOW`, `DKIM_VALID_EF`; `DKIM_VALID_AU`, `DMARC_POLICY_ALLOW` where From is of the same organisation).",
      ),
      whole_text: key(
        is.size('0', '10MiB').prefault('64KiB'),
        'Largest message that is returned whole when its sender asks for that (RET=FULL); of others it is the header section.',
      ),
      dns_servers: key(
        z
          .array(
            is.text(
              'an address, or address:port',
              /^(?:[0-9]{1,3}(?:\.[0-9]{1,3}){3}(?::[0-9]{1,5})?|\[[0-9a-f:.]+\](?::[0-9]{1,5})?|[0-9a-f]*:[0-9a-f:.]+)$/i,
            ),
          )
          .prefault([]),
        'DNS servers to ask for SPF and DKIM; none: those of the system.',
      ),
      dns_timeout: key(
        is.duration('100ms', '1m').prefault('10s'),
        'For all look-ups of one message; without an answer nobody vouches.',
      ),
    }),
    'Reports of refusals to the sender, for classes with `strategy: bounce`: docs/bounces.md.',
  ),
  trusted: key(z.array(is.range()).prefault([]), "The site's own networks; their messages are never split."),
  ledger: key(
    ledger.prefault({}),
    'The record of splits; may also be written `ledger: sqlite:PATH` or `ledger: redis://host:port/db`.',
  ),
  admin: key(admin.prefault({}), 'Metrics, health and the admin API, over HTTP.'),
  bare_newlines: key(
    z.enum(['reject', 'normalize']).prefault('reject'),
    'A bare CR or LF in a message: refuse it, or make it CRLF before anything else sees it.',
  ),
  greet_delay: key(
    is.duration('0s', '1m').prefault('0s'),
    'Wait before the greeting; clients that talk first are turned away.',
  ),
  ehlo: key(
    section({
      chunking: key(
        z.boolean().prefault(false),
        'Offer CHUNKING; Exim then does not go on in the same session after a 452.',
      ),
      greylist: key(z.boolean().prefault(true), 'Offer GREYLIST, which announces retry hints.'),
      limits_rcpt_max: key(
        is.whole(1, 100_000).optional(),
        'Offer LIMITS RCPTMAX (RFC 9422). Exim 4.98 obeys it, and can then lose recipients it has not offered yet.',
        'not offered',
      ),
    }),
    'What is offered to clients besides what the backend offers.',
  ),
  limits: key(limits, 'Limits on clients; what each one makes the client hear: docs/limits.md.'),
  spool: key(
    section({
      memory: key(is.size('0', '1GiB').prefault('1MiB'), 'Bytes of one message kept in memory; more goes to a file.'),
      total_memory: key(
        is.size('0', '1024GiB').prefault('256MiB'),
        'Bytes of all messages together kept in memory; above it texts go to files at once.',
      ),
      total_disk: key(
        is.size('0', '1048576GiB').prefault('10GiB'),
        'Bytes of all those files together; above it messages are answered 452, and come again.',
      ),
      directory: key(
        is.text('a directory').optional(),
        'Where those files are, already unlinked.',
        "the system's directory for temporary files",
      ),
    }),
    'Messages while they pass through.',
  ),
  timeouts: key(
    section({
      command: key(
        anyTime('5m'),
        'Longest wait for the next whole command (RFC 5321 4.5.3.2.7); single octets do not prolong it.',
      ),
      text: key(anyTime('5m'), 'Longest wait for more of a text; RFC 5321 4.5.3.2.5 gives the client 3 minutes.'),
      reply: key(
        anyTime('5m'),
        'From the end of a text to its reply: judging and delivering end before it. Clients give up after 10 minutes (RFC 5321 4.5.3.2.6).',
      ),
      proxy_header: key(
        is.duration('100ms', '1m').prefault('5s'),
        'Longest wait for the PROXY header of a connection that has to have one.',
      ),
      tls_handshake: key(is.duration('100ms', '5m').prefault('30s'), 'Longest TLS handshake.'),
      policy: key(is.duration('10ms', '1m').prefault('5s'), "Longest look-up of a recipient's policy."),
      shutdown: key(
        is.duration('0s', '1h').prefault('30s'),
        'Time for open transactions to end when the program is told to stop.',
      ),
    }),
    'Time limits.',
  ),
  log: key(
    section({
      level: key(z.enum(['debug', 'info', 'warn', 'error']).prefault('info'), 'What is logged.'),
      pretty: key(is.automatic().prefault('auto'), 'For people instead of programs; `auto`: on a terminal.'),
    }),
    'The log, on standard output.',
  ),
  run_as: key(
    runAs.optional(),
    'For a program that is started as root: who it is from then on, for good. Not needed under systemd (docs/deploy/systemd.md).',
    'whoever started it',
  ),
  workers: key(
    z.preprocess((raw) => (raw === 'auto' ? undefined : raw), is.whole(1, 256).optional()).prefault('auto'),
    'Processes that take mail, beside one that watches over them; `auto`: as many as the machine has cores. With 1 there is one process in all. See docs/deploy.md.',
  ),
  data_directory: key(
    is.text('a directory').prefault('rcptwise-data'),
    'Where the ledger, the self-signed certificate and the sink are unless said otherwise.',
  ),
})

/** The file's content with defaults and units resolved, but not yet its references. */
export type Settings = z.output<typeof schema>
