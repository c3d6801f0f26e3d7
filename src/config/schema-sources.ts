/** The keys of `recipients.sources` and `recipients.aliases`: where policies and mailboxes are. */
import { z } from 'zod'
import * as is from './notation.ts'
import { key } from './notation.ts'

/** `gives`: the columns of the query. */
const queryFor = (gives: string) =>
  key(
    is.text('a query'),
    `Query of your own, with \`:keys\`, \`:addresses\` or \`:domains\`; it gives the columns ${gives}: docs/recipients.md.`,
  )
type QueryKey = ReturnType<typeof queryFor>

/** Of all sources whose answers Rcptwise keeps. */
const asked = {
  keep: key(
    is.duration('0s', '7d').prefault('5m'),
    'How long Rcptwise keeps what the source says of a recipient.',
  ),
  keep_unknown: key(
    is.duration('0s', '7d').prefault('1m'),
    'How long Rcptwise keeps that the source does not know a recipient.',
  ),
  serve_stale: key(
    is.duration('0s', '30d').prefault('1d'),
    'How much longer Rcptwise uses what it knows while the source fails.',
  ),
  cache_entries: key(
    is.whole(0, 10_000_000).prefault(50_000),
    'Recipients whose answers each worker process keeps, about 500 bytes each; those that nobody asked for longest go first.',
  ),
  on_failure: key(
    z.enum(['defer', 'default']).optional(),
    'What Rcptwise does when this source fails: answer the recipient 451, or use the default policy.',
    '`recipients.on_failure`',
  ),
}

const sqlite = (query: QueryKey) =>
  z.strictObject({
    path: key(
      is.text('a file name'),
      'SQLite database, which Rcptwise only reads. Rcptwise opens another file that takes its place.',
    ),
    query,
    ...asked,
  })

const connections = key(
  is.whole(1, 1000).prefault(4),
  'Connections at one time, of each worker process.',
)

const server = (port: number, query: QueryKey) =>
  z.strictObject({
    host: key(
      is.text('a host, an address or the path of a socket', /^[^\s@]+$/).prefault('127.0.0.1'),
      `The server: a name, an address, or a path${port === 5432 ? ' of the directory of its Unix socket (`/run/postgresql`)' : ' of its Unix socket (`/run/mysqld/mysqld.sock`)'}.`,
    ),
    port: key(is.whole(1, 65_535).prefault(port), 'Its port.'),
    database: key(is.text('the name of a database'), 'The database.'),
    user: key(is.text('a user of the database'), 'User that Rcptwise is there; it only reads.'),
    password_file: key(
      is.text('a file name').optional(),
      'File with the password of that user, on one line.',
      'none',
    ),
    tls: key(
      z.boolean().prefault(false),
      'Whether Rcptwise speaks TLS with the server, and verifies its certificate.',
    ),
    ca: key(
      is.text('a file name').optional(),
      'Certificates of the authorities that Rcptwise believes, in PEM.',
      'those of Node',
    ),
    connections,
    query,
    ...asked,
  })

const http = z.strictObject({
  url: key(
    is.httpUrl(),
    'Where the service listens. `http+unix:///socket:/path` is a Unix socket.',
  ),
  token_file: key(
    is.text('a file name').optional(),
    'File with a bearer token that the service wants, on one line.',
    'none',
  ),
  ca: key(
    is.text('a file name').optional(),
    'Certificates of the authorities that Rcptwise believes, in PEM.',
    'those of Node',
  ),
  connections,
  answer_size: key(
    is.size('1KiB', '64MiB').prefault('1MiB'),
    'Rcptwise takes a longer answer for a failure.',
  ),
  ...asked,
})

const socketmap = z.strictObject({
  server: key(is.milterServer(), 'Where the server listens.'),
  map: key(is.text('a name without blanks', /^[!-~]{1,200}$/), 'The name of the map there.'),
  connections,
  ...asked,
})

const redisKey = () => is.text('text without blanks', /^[!-~]{1,200}$/).optional()

const redis = z.strictObject({
  url: key(
    is.redisUrl(),
    'Redis or Valkey server: `redis://user:password@host:port/db`, or `rediss://` for TLS.',
  ),
  ca: key(
    is.text('a file name').optional(),
    'Certificates of the authorities that Rcptwise believes at `rediss://`, in PEM.',
    'those of Node',
  ),
  strings: key(
    redisKey(),
    'What stands before the address in the name of a string, such as `policy:`.',
    'none',
  ),
  hash: key(redisKey(), 'A hash that has a field for each address.', 'none'),
  hashes: key(
    redisKey(),
    'What stands before the address in the name of a hash that has a field for each value.',
    'none',
  ),
  value_size: key(
    is.size('1KiB', '16MiB').prefault('64KiB'),
    'Rcptwise takes more than this under one key for no policy, or for no alias.',
  ),
  ...asked,
})

const attribute = () => is.text('the name of an attribute', /^[A-Za-z][A-Za-z0-9;.-]{0,99}$/)

const ldap = z.strictObject({
  url: key(
    is.ldapUrl(),
    'The directory. `ldaps://` is TLS. `ldapi:///path` is a Unix socket, `ldapi:///` that of Debian (`/run/slapd/ldapi`).',
  ),
  start_tls: key(
    z.boolean().prefault(false),
    'Whether Rcptwise begins TLS on `ldap://` before it says anything else, and verifies the certificate.',
  ),
  ca: key(
    is.text('a file name').optional(),
    'Certificates of the authorities that Rcptwise believes, in PEM.',
    'those of Node',
  ),
  bind_dn: key(is.text('a distinguished name').optional(), 'Who Rcptwise is there.', 'anonymous'),
  sasl: key(
    z.enum(['external']).optional(),
    '`external`: at `ldapi://` the directory knows Rcptwise by the user of its process (SASL EXTERNAL), without a password.',
    'none',
  ),
  password_file: key(
    is.text('a file name').optional(),
    'File with the password of `bind_dn`, on one line.',
    'none',
  ),
  base: key(is.text('a distinguished name'), 'Where the entries are.'),
  scope: key(
    z.enum(['sub', 'one']).prefault('sub'),
    'Entries at any depth below `base`, or right below it.',
  ),
  filter: key(
    is.text('a filter').prefault('(mail={key})'),
    'Which entry is for a key; `{key}` is an address, or `@domain`. Rcptwise puts those of all recipients of a question into one filter.',
  ),
  recipient: key(
    is.oneOrMore(attribute()).prefault(['mail']),
    'Attributes whose values say whose an entry is.',
  ),
  attributes: key(
    z.record(is.text('a column', /^[a-z_]{1,40}$/), attribute()),
    'The attribute of each column, such as `{ tag_at: spamTagLevel }`.',
  ),
  ...asked,
})

const sourceOf = (file: string, query: QueryKey) =>
  z.strictObject({
    file: key(is.text('a file name').optional(), file, 'none'),
    texthash: key(
      is.text('a file name').optional(),
      'Table of Postfix, as it reads it by `texthash:`. Rcptwise reads it again when it changes.',
      'none',
    ),
    regexp: key(
      is.text('a file name').optional(),
      'Table of patterns, as Postfix reads it by `regexp:`. Rcptwise reads it again when it changes.',
      'none',
    ),
    socketmap: key(
      socketmap.optional(),
      'A server that Postfix can ask by `socketmap:`: docs/recipients.md.',
      'none',
    ),
    redis: key(redis.optional(), 'Redis or Valkey: docs/recipients.md.', 'none'),
    ldap: key(ldap.optional(), 'A directory, over LDAP: docs/recipients.md.', 'none'),
    postgres: key(server(5432, query).optional(), 'PostgreSQL: docs/recipients.md.', 'none'),
    mysql: key(server(3306, query).optional(), 'MySQL or MariaDB: docs/recipients.md.', 'none'),
    sqlite: key(sqlite(query).optional(), 'A SQLite database: docs/recipients.md.', 'none'),
    http: key(
      http.optional(),
      'A service of your own, with JSON over HTTP: docs/recipients.md.',
      'none',
    ),
  })

export const source = sourceOf(
  'YAML file with one `address: policy` a line; see "Recipients\' policies in a file". Rcptwise reads it again when it changes.',
  queryFor('`recipient` and those of a policy'),
)

export const aliases = sourceOf(
  'File with one `address: mailbox, mailbox` a line; the colon may be missing, as in a table of Postfix. Rcptwise reads it again when it changes.',
  queryFor('`recipient` and `mailbox`'),
)
