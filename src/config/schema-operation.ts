/** How the program runs: admin address, user, log. */
import { z } from 'zod'
import * as is from './notation.ts'
import { key, section } from './notation.ts'

export const admin = z.preprocess(
  (raw) =>
    raw === false ? { listen: 'off' } : typeof raw === 'string' ? { listen: raw } : (raw ?? {}),
  z.strictObject({
    listen: key(
      z
        .preprocess((raw) => (raw === 'off' ? undefined : raw), is.listenAddress().optional())
        .prefault('127.0.0.1:9225'),
      'Where Rcptwise serves metrics, health and the admin API; `admin: off` for nowhere.',
    ),
    token_file: key(
      is.text('a file name').optional(),
      'File with the bearer token of the admin API; you need it when others than this host can reach the API.',
      'no token',
    ),
    events_kept: key(
      is.size('64KiB', '256MiB').prefault('8MiB'),
      'Size of the latest live events that Rcptwise keeps for a console that comes back; what is older is missing there (docs/admin-api.md).',
    ),
  }),
)

const account = () =>
  is.text('a name of the host, without spaces', /^[A-Za-z0-9_][A-Za-z0-9_.-]{0,63}$/)

export const runAs = z.preprocess(
  (raw) => (typeof raw === 'string' ? { user: raw } : raw),
  z.strictObject({
    user: key(
      account(),
      'User to become once ports and keys are open; may also be written `run_as: USER`.',
    ),
    group: key(account().optional(), 'Its group.', "the user's own"),
  }),
)

export const log = section({
  level: key(
    z.enum(['debug', 'info', 'warn', 'error']).prefault('info'),
    'Lowest level of the lines that Rcptwise writes.',
  ),
  format: key(
    z.enum(['auto', 'json', 'pretty', 'line']).prefault('auto'),
    '`json`: one line of JSON for each event; `pretty`: lines for people at a terminal; `line`: a short line for each recipient, for people who grep (docs/log.md); `auto`: `pretty` on a terminal, else `json`.',
  ),
  messages: key(
    z.enum(['all', 'notable']).prefault('all'),
    'Whether each message has its line, or only those that not all recipients took at once and as they came. See docs/log.md.',
  ),
  priorities: key(
    is.automatic().prefault('auto'),
    'Each line begins with its level as systemd reads it (`<4>` for a warning); `auto`: where standard output leads to the journal.',
  ),
})
