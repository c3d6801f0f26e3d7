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
    tokens: key(
      z
        .array(
          z.strictObject({
            name: key(
              is.text(
                'a name of letters, digits, points and dashes',
                /^[A-Za-z0-9][A-Za-z0-9._-]{0,31}$/,
              ),
              'Who has the token: this name is in the log and in the audit log with each change.',
            ),
            role: key(
              z.enum(['read', 'operate']),
              '`read` sees everything; `operate` also changes things.',
            ),
            token_file: key(
              is.text('a file name'),
              'File with the token on one line, at least 16 characters: `openssl rand -hex 32` makes a good one.',
            ),
          }),
        )
        .max(100)
        .prefault([]),
      'Who may use the admin API; you need one when others than this host can reach the API. Without any, everybody on this host may do everything.',
      'none',
    ),
    socket: key(
      is.text('a file name').optional(),
      'Unix socket on which the admin API is served besides; whoever may open it may do everything, without a token.',
      'none',
    ),
    socket_mode: key(
      is.text('three octal digits such as 0660', /^0?[0-7]{3}$/).prefault('0600'),
      'Mode of the Unix socket: `0660` lets its group in.',
    ),
    hosts: key(
      z.array(is.text('a host name', /^[A-Za-z0-9.-]{1,253}$/)).prefault([]),
      'Names under which browsers reach the admin API, such as that of a proxy in front of it, besides addresses, `localhost` and `hostname`. Rcptwise answers to no others when there are tokens (DNS rebinding).',
      'none',
    ),
    requests_per_minute: key(
      is.whole(10, 1_000_000).prefault(1200),
      'Requests of one token, or of one address where there are no tokens; more get 429.',
    ),
    failures_per_minute: key(
      is.whole(1, 10_000).prefault(10),
      'Wrong tokens from one address; after that Rcptwise answers 429 to whatever token comes from there, for the rest of the minute. Sessions go on.',
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
    '`json`: one line of JSON for each event; `pretty`: a short line for each event, for people at a terminal; `line`: a short line for each recipient, for people who grep (docs/log.md); `auto`: `pretty` on a terminal, else `json`.',
  ),
  messages: key(
    z.enum(['all', 'notable']).prefault('all'),
    'Whether each message has its line, or only those that not all recipients took at once and as they came. See docs/log.md.',
  ),
  priorities: key(
    is.automatic().prefault('auto'),
    'Each line begins with its level as systemd reads it (`<4>` for a warning); `auto`: where standard output leads to the journal.',
  ),
  addresses: key(
    z.enum(['full', 'domain', 'hash']).prefault('full'),
    'What lines say of mail addresses, also inside replies: all, the domain alone, or a keyed hash. See docs/log.md.',
  ),
})
