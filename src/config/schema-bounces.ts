/** The keys of the section `bounces`. */
import { z } from 'zod'
import * as is from './notation.ts'
import { key, section } from './notation.ts'

export const bounces = section({
  vouched_by: key(
    z.array(z.enum(['spf', 'dkim', 'symbols'])).prefault(['spf', 'dkim']),
    "Who may vouch for a sender, any one is enough: SPF of the reverse-path's domain, a DKIM signature of its organisation, symbols of the judge that say the same (`SPF_PASS`, `R_SPF_ALLOW`, `DKIM_VALID_EF`; `DKIM_VALID_AU`, `DMARC_POLICY_ALLOW` where From is of the same organisation).",
  ),
  whole_text: key(
    is.size('0', '10MiB').prefault('64KiB'),
    'Largest message that a report returns whole when its sender asks for that (RET=FULL); of others it returns the header section.',
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
    'Time limit for all look-ups of one message; without an answer nobody vouches.',
  ),
  dns_keep: key(
    is.duration('0s', '1h').prefault('5m'),
    'How long an answer of the DNS is good for other messages, also that there is no such name; a failure is for five seconds. 0s: each message asks anew.',
  ),
  dns_kept_size: key(
    is.size('64KiB', '1GiB').prefault('4MiB'),
    'Memory for these answers in each process; the oldest ones go first.',
  ),
  dns_questions: key(
    is.whole(1, 1000).prefault(30),
    'Most questions to the DNS for one message; SPF takes 22 at most (RFC 7208 4.6.4).',
  ),
  dkim_signatures: key(
    is.whole(1, 100).prefault(5),
    "Most DKIM signatures of a message that Rcptwise looks at, those of the reverse-path's organisation first.",
  ),
})
