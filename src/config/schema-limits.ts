/** The limits on clients, and what a peer class may have in their place. */
import * as is from './notation.ts'
import { key, section } from './notation.ts'

export const limits = section({
  message_size: key(is.size('64KiB', '10GiB').prefault('50MiB'), 'Largest message (SIZE).'),
  recipients: key(
    is.whole(1, 100_000).prefault(1000),
    'Most recipients in a transaction; RFC 5321 4.5.3.1.8 wants room for 100.',
  ),
  sessions: key(is.whole(1, 1_000_000).prefault(10_000), 'Most connections at a time.'),
  sessions_per_address: key(
    is.whole(1, 1_000_000).prefault(50),
    'Most connections from one address at a time.',
  ),
  sessions_per_network: key(
    is.whole(1, 1_000_000).prefault(500),
    'Most connections from one network at a time: a /24 of IPv4, a /64 of IPv6.',
  ),
  connections_per_minute: key(
    is.perMinute().prefault('off'),
    'Most new connections from one address in a minute (of IPv6: from one /64). Rates do not hold for `trusted` peers.',
  ),
  messages_per_minute: key(
    is.perMinute().prefault('off'),
    'Most messages from one address in a minute.',
  ),
  recipients_per_minute: key(
    is.perMinute().prefault('off'),
    'Most recipients from one address in a minute.',
  ),
  errors_per_minute: key(
    is.perMinute().prefault(100),
    "Most refused or unknown commands from one address in a minute; above it Rcptwise ends the address's connections and turns new ones away.",
  ),
  bounces_per_hour: key(
    is.whole(0, 1000).prefault(10),
    'Most reports of refusals to one sender in an hour (strategy `bounce`); above it Rcptwise serves the message as `lenient`.',
  ),
  dns_questions_per_minute: key(
    is.perMinute().prefault(600),
    'Most questions to the DNS for SPF and DKIM of messages from one address in a minute; above it nobody vouches for them.',
  ),
  all_dns_questions_per_minute: key(
    is.perMinute().prefault(6000),
    'Most questions to the DNS for SPF and DKIM of all messages in a minute; above it nobody vouches for them.',
  ),
  text_minimum_rate: key(
    is.size('1', '1MiB').prefault('512'),
    'Slowest text, in bytes a second; Rcptwise breaks off a text that is `timeouts.text` behind this rate.',
  ),
  command_line: key(
    is.size('512', '64KiB').prefault(2048),
    'Longest command line with its CRLF (RFC 5321 4.5.3.1.4, with room for extensions).',
  ),
  text_line: key(
    is.size('1000', '50MiB').prefault('1MiB'),
    'Longest line in a message; Rcptwise refuses a message with a longer one.',
  ),
  header: key(is.size('4KiB', '50MiB').prefault('1MiB'), 'Largest header section.'),
  transactions_per_session: key(
    is.whole(1, 1_000_000).prefault(1000),
    'Most transactions in one connection.',
  ),
  errors_per_session: key(
    is.whole(1, 10_000).prefault(20),
    'Number of commands, refused with 5yz or unknown, after which Rcptwise ends a connection. What a policy or the mail server says of a sender or recipient does not count.',
  ),
  observed_at_a_time: key(
    is.whole(1, 10_000).prefault(100),
    'Most messages judged at a time behind their answer, in each worker (`mode: observe`); above it Rcptwise passes a message on without judging it.',
  ),
  open_splits: key(
    is.whole(1, 90_000_000).prefault(50_000),
    'Most splits open at a time; at most nine tenths of `ledger.max_splits`, so that the ledger drops none of them. Beyond this limit and the next three, Rcptwise serves messages unsplit.',
  ),
  open_splits_per_sender: key(
    is.whole(1, 1000).prefault(100),
    'Most splits open at a time for one reverse-path, whoever writes it: each RCPT in its name looks at them.',
  ),
  open_split_bytes_per_sender: key(
    is.size('4KiB', '64MiB').prefault('512KiB'),
    'Most memory of the splits open at a time for one reverse-path; a recipient takes some 200 bytes.',
  ),
  open_splits_per_client: key(
    is.whole(1, 90_000_000).prefault(2000),
    'Most splits open at a time that one sender has opened: the domain of its verified host name, or its network.',
  ),
})

export const limitsOfClass = section({
  sessions: key(
    is.whole(1, 1_000_000).optional(),
    'Most connections of all peers of the class together.',
    'no limit',
  ),
  sessions_per_address: key(
    is.whole(1, 1_000_000).optional(),
    'In place of `limits.sessions_per_address`.',
    'as in `limits`',
  ),
  sessions_per_network: key(
    is.whole(1, 1_000_000).optional(),
    'In place of `limits.sessions_per_network`.',
    'as in `limits`',
  ),
  connections_per_minute: key(
    is.perMinute().optional(),
    'In place of `limits.connections_per_minute`.',
    'as in `limits`',
  ),
  messages_per_minute: key(
    is.perMinute().optional(),
    'In place of `limits.messages_per_minute`.',
    'as in `limits`',
  ),
  recipients_per_minute: key(
    is.perMinute().optional(),
    'In place of `limits.recipients_per_minute`.',
    'as in `limits`',
  ),
  errors_per_minute: key(
    is.perMinute().optional(),
    'In place of `limits.errors_per_minute`.',
    'as in `limits`',
  ),
})
