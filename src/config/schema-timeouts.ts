/** What a message may take: room and time. */
import * as is from './notation.ts'
import { key, section } from './notation.ts'

const anyTime = (fallback: string) => is.duration('100ms', '1h').prefault(fallback)

export const timeouts = section({
  command: key(
    anyTime('5m'),
    'Longest wait for the next whole command (RFC 5321 4.5.3.2.7); single octets do not prolong it.',
  ),
  text: key(
    anyTime('5m'),
    'Longest wait for more of a text; RFC 5321 4.5.3.2.5 gives the client 3 minutes.',
  ),
  reply: key(
    anyTime('5m'),
    'Longest time from the end of a text to its reply: judging and delivering end before it. Clients give up after 10 minutes (RFC 5321 4.5.3.2.6).',
  ),
  under_way: key(
    is.duration('0s', '1h').prefault('20s'),
    'How long a sender waits that comes again while Rcptwise still delivers its first attempt. After that the sender gets 451.',
  ),
  proxy_header: key(
    is.duration('100ms', '1m').prefault('5s'),
    'Longest wait for the PROXY header of a connection that has to have one.',
  ),
  tls_handshake: key(is.duration('100ms', '5m').prefault('30s'), 'Longest TLS handshake.'),
  policy: key(
    is.duration('10ms', '1m').prefault('5s'),
    'How long one source (`recipients.sources`) may take to answer for the recipients that a client offers together.',
  ),
  worker: key(
    is.duration('2s', '1h').prefault('30s'),
    'How long a worker may not react (its event loop stands still) before Rcptwise ends and replaces it; the senders that it served come again. Only with several workers; for a single process there is the watchdog of systemd.',
  ),
  shutdown: key(
    is.duration('0s', '1h').prefault('30s'),
    'Time that open transactions have to end when Rcptwise stops.',
  ),
})

export const spool = section({
  memory: key(
    is.size('0', '1GiB').prefault('1MiB'),
    'Most bytes of one message that Rcptwise keeps in memory; more goes to a file.',
  ),
  total_memory: key(
    is.size('0', '1024GiB').prefault('256MiB'),
    'Most bytes of all messages together that Rcptwise keeps in memory; above it texts go to files at once.',
  ),
  total_disk: key(
    is.size('0', '1048576GiB').prefault('10GiB'),
    'Most bytes of all those files together; above it Rcptwise answers messages with 452, and they come again.',
  ),
  directory: key(
    is.text('a directory').optional(),
    'Directory of those files; they have no name there.',
    "the system's directory for temporary files",
  ),
})
