/** The keys of the section `history`. */
import { z } from 'zod'
import * as is from './notation.ts'
import { key } from './notation.ts'

/** In place of a file: none is kept. */
export const noHistory = 'off'

export const history = z.preprocess(
  (raw) =>
    raw === false ? { path: noHistory } : typeof raw === 'string' ? { path: raw } : (raw ?? {}),
  z.strictObject({
    path: key(
      is.text('a file name').optional(),
      'SQLite file; each front-end has one of its own. `history: off`: Rcptwise keeps no history.',
      '`history.db` in `data_directory`',
    ),
    keep: key(
      is.duration('1s', '3650d').prefault('30d'),
      'How long Rcptwise keeps a transaction. After that time nothing of it is in the file.',
    ),
    max_size: key(
      is.size('1MiB', '1024GiB').prefault('2GiB'),
      'The file grows no larger: the oldest transactions go first. Its write-ahead log takes up to 16 MiB more.',
    ),
    addresses: key(
      z.enum(['full', 'domain', 'hash']).prefault('full'),
      'What Rcptwise keeps of the addresses of senders and recipients: all, the domain alone, or a keyed hash.',
    ),
    queue: key(
      is.size('64KiB', '1GiB').prefault('16MiB'),
      'How much may wait in the memory of each process while Rcptwise can not write the file. What comes on top is left out and counted.',
    ),
  }),
)
