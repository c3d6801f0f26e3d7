/** The keys of the section `ledger`. */
import { z } from 'zod'
import * as is from './notation.ts'
import { key } from './notation.ts'

/** Also written as the file or the URL alone. */
export const ledger = z.preprocess(
  (raw) =>
    typeof raw === 'string' ? { [/^rediss?:/i.test(raw) ? 'url' : 'path']: raw } : (raw ?? {}),
  z.strictObject({
    path: key(
      is.ledgerPath().optional(),
      'SQLite file, also written `sqlite:PATH`; `:memory:` forgets everything at the end.',
      '`ledger.db` in `data_directory`',
    ),
    url: key(
      is.redisUrl().optional(),
      'Redis or Valkey server in place of a file, for several front-ends: `redis://user:password@host:port/db`, or `rediss://` for TLS.',
      'none',
    ),
    cluster: key(
      z
        .array(is.redisUrl())
        .min(1, { error: 'at least one node' })
        .max(100, { error: 'at most 100 nodes' })
        .optional(),
      'Nodes of a Redis or Valkey Cluster in place of one server, such as `[redis://host1:6379, redis://host2:6379]`: any of them, and more than one in case one is down. User, password and TLS have to be the same for all nodes.',
      'none',
    ),
    sentinels: key(
      z
        .array(is.redisUrl())
        .min(1, { error: 'at least one sentinel' })
        .max(20, { error: 'at most 20 sentinels' })
        .optional(),
      'Sentinels that know the server, such as `[redis://host1:26379, redis://host2:26379]`, each with user, password and TLS of its own. The host of `url` is then the name that they have for the master, without a port: `redis://user:password@mymaster/0`.',
      'none',
    ),
    ca: key(
      is.text('a file name').optional(),
      "Certificates of the authorities that Rcptwise believes at `rediss://`, in PEM: of the server, of a cluster's nodes and of sentinels.",
      'those of Node',
    ),
    prefix: key(
      is.text('text without braces and spaces', /^[^\s{}]{1,64}$/).optional(),
      'What the keys on the Redis server begin with; front-ends with the same one share a ledger.',
      '`rcptwise:`',
    ),
    patience: key(
      is.duration('1m', '30d').prefault('5d'),
      'When Rcptwise has not seen a deferred recipient again for this long, it counts the recipient as abandoned.',
    ),
    missing_after: key(
      is.duration('1m', '30d').prefault('4h'),
      'A deferred recipient whom nobody offers again for this long is missing: Rcptwise lists and counts the recipient, an alert fires, and `auto` serves the sender `lenient` from then on.',
    ),
    keep: key(is.duration('0s', '365d').prefault('1d'), 'How long a closed split stays visible.'),
    max_splits: key(
      is.whole(1000, 100_000_000).prefault(100_000),
      'Most splits in the ledger, open and closed together. When it is full, Rcptwise drops closed ones first, then the oldest open ones. See docs/ledger.md for the room that they take.',
    ),
    max_size: key(
      is.size('1MiB', '1024GiB').prefault('256MiB'),
      'The same for the room that they take, about.',
    ),
  }),
)
