/** The section `backend`: the servers behind, and the connections to them. */
import { z } from 'zod'
import * as is from './notation.ts'
import { key, section } from './notation.ts'

const server = z.preprocess(
  (raw) => (typeof raw === 'string' ? { url: raw } : raw),
  z.strictObject({
    url: key(
      is.server(),
      '`smtp://host:port`, `smtps://host:port` (TLS from the start), `mx://domain` (the hosts of its MX records), `lmtp://host:port`, `lmtp+unix:///path` (see docs/lmtp.md), or one `sink:DIRECTORY` that keeps the mail in a Maildir. A name stands for all its addresses.',
    ),
    priority: key(
      is.whole(0, 65_535).prefault(0),
      'Rcptwise uses servers with a lower number first, as in MX records; it uses others only while it can use none of those.',
    ),
    weight: key(
      is.whole(1, 65_535).prefault(1),
      "This server's share of the messages among servers of one priority.",
    ),
  }),
)

const backendTls = z.preprocess(
  // YAML 1.1 tools write `off` as false.
  (raw) =>
    raw === false ? { mode: 'off' } : typeof raw === 'string' ? { mode: raw } : (raw ?? {}),
  z.strictObject({
    mode: key(
      z.enum(['off', 'opportunistic', 'require']).prefault('opportunistic'),
      'Use STARTTLS where the server offers it, with any certificate, and clear text where it does not; or accept mail only through TLS with a certificate that can be trusted.',
    ),
    ca: key(
      is.text('a file name').optional(),
      'PEM file with the certificate authorities to trust; only with `require`.',
      'those that come with Node.js',
    ),
    fingerprint: key(
      z.preprocess(
        (raw) => (typeof raw === 'string' ? [raw] : raw),
        z.array(is.fingerprint()).prefault([]),
      ),
      "SHA-256 of the server's certificate, or a list of them; Rcptwise then looks at nothing else of it. Only with `require`.",
      'none',
    ),
    server_name: key(
      is.text('a host name', /^[A-Za-z0-9._-]{1,253}$/).optional(),
      'Name for which Rcptwise asks (SNI), and which has to be in the certificate.',
      "the host in the server's URL",
    ),
  }),
)

export const backend = section({
  servers: key(
    z.array(server).min(1, { error: 'at least one server' }).optional(),
    'The mail servers behind; each entry may also be the URL alone. Rcptwise uses several by priority and weight: docs/backends.md.',
    '`sink:` and the directory `mail` in `data_directory`',
  ),
  resolve_every: key(
    is.duration('1s', '1d').prefault('60s'),
    'How often Rcptwise looks up host names and MX records of `servers` again; when that fails, it keeps the last answer.',
  ),
  health: key(
    section({
      eject_for: key(
        is.duration('100ms', '1h').prefault('5s'),
        'How long Rcptwise leaves an address alone that fails to connect, to greet or to answer EHLO. Then Rcptwise asks it in the background, and uses it again when it answers. The time doubles with each further failure.',
      ),
      eject_at_most: key(
        is.duration('100ms', '1d').prefault('5m'),
        'The longest time between two such questions.',
      ),
      ask_every: key(
        is.duration('1s', '1d').prefault('60s'),
        'When Rcptwise has had no answer from an address for this long, it asks for the EHLO reply, so that you know that a fallback works.',
      ),
      ask_relay_at_most: key(
        is.duration('1s', '30d').prefault('1d'),
        'The longest time between two questions whether a server would relay (docs/relaying.md). Rcptwise asks at the start, when the server was away and when its EHLO has changed; else after `ask_every`, and twice as long after each time.',
      ),
    }),
    'When Rcptwise takes a server out of use, and back.',
  ),
  client_address: key(
    z.enum(['none', 'xclient', 'xforward', 'proxy']).prefault('none'),
    'How Rcptwise tells the backend who the client is: by XCLIENT on kept connections, by the PROXY protocol on a connection per client, by XFORWARD for its log alone, or not at all. With `none` and `xforward` you need `relay_domains`. See docs/transparency.md.',
  ),
  follows_routes: key(
    z.boolean().prefault(true),
    'The backend may send mail for `user%elsewhere@ours`, `elsewhere!user@ours` or `"user@elsewhere"@ours` on to `elsewhere` when it trusts the address of Rcptwise. With `client_address: none` or `xforward` Rcptwise therefore refuses such recipients. Write `false` only for a backend that you know to follow none of these. See docs/relaying.md.',
  ),
  proxy_version: key(
    z.union([z.literal(1), z.literal(2)]).prefault(2),
    'Version of the PROXY protocol for `client_address: proxy`.',
  ),
  tls: key(
    backendTls.prefault({}),
    'Encryption towards the servers; may also be written `tls: opportunistic`. See docs/tls.md.',
  ),
  mail: key(
    z.enum(['with_rcpt', 'at_once']).prefault('with_rcpt'),
    'When the server hears of MAIL. With `with_rcpt` Rcptwise answers MAIL itself and sends it together with the first RCPT; what the server says against the sender is the answer to each RCPT. With `at_once` the client waits for the server at MAIL too. See docs/flow.md.',
  ),
  prdr: key(
    z.boolean().prefault(true),
    'Ask a server that offers PRDR for one reply per recipient. Switch it off where the server offers it without a rule per recipient (Exim without `acl_smtp_data_prdr`) and you want an answer per group from `last_word: backend`. See docs/lmtp.md.',
  ),
  chunking: key(
    z.boolean().prefault(true),
    'Send the text by BDAT to a server that offers CHUNKING (RFC 3030): one step less than with DATA. Texts that are longer than `spool.memory` go by DATA. Switch it off for a server that offers CHUNKING and does not take it well.',
  ),
  connect_timeout: key(
    is.duration('100ms', '5m').prefault('10s'),
    'Longest wait for a connection to a server, and for its TLS handshake.',
  ),
  reply_timeout: key(
    is.duration('100ms', '1h').prefault('5m'),
    'Longest wait for a reply to a command (RFC 5321 4.5.3.2).',
  ),
  delivery_timeout: key(
    is.duration('100ms', '1h').prefault('10m'),
    'Longest wait from the final dot to the reply (RFC 5321 4.5.3.2.6); never more than `timeouts.reply`.',
  ),
  pool: key(
    section({
      max_connections: key(
        is.whole(1, 65_535).prefault(100),
        'Most connections at a time, to all servers together.',
      ),
      per_server: key(
        is.whole(1, 65_535).optional(),
        'Most connections at a time to one entry of `servers`; when all servers of the best priority are full, messages wait.',
        'no limit of its own',
      ),
      authenticated: key(
        is.whole(1, 65_535).optional(),
        'Most of `max_connections` that clients may have for themselves once they have said AUTH (`listen[].auth`); the others are always there for everyone.',
        'half of `max_connections`',
      ),
      idle_timeout: key(
        is.duration('100ms', '1h').prefault('60s'),
        "Rcptwise closes an idle connection after this; keep it below the server's own limit (Postfix: smtpd_timeout).",
      ),
      max_transactions: key(
        is.whole(1, 1_000_000).prefault(200),
        'Number of transactions after which Rcptwise does not use a connection again.',
      ),
      max_errors: key(
        is.whole(1, 1000).prefault(8),
        "Number of refused commands after which Rcptwise does not use a connection again; keep it below the server's own limit (Postfix: smtpd_soft_error_limit, 10).",
      ),
    }),
    'The connections to the backend, which Rcptwise keeps and uses again.',
  ),
})
