/** Classes of clients, and how each is served. */
import { z } from 'zod'
import { configurableStrategies, strategyNames } from '../strategy/names.ts'
import * as is from './notation.ts'
import { key, section } from './notation.ts'
import { limitsOfClass } from './schema-limits.ts'

const match = section({
  address: key(z.array(is.range()).prefault([]), 'Addresses and ranges of the client.'),
  rdns: key(
    z.array(is.domainPattern()).prefault([]),
    "Host names of the client's address; a name counts only when it leads back to the address.",
  ),
  helo: key(
    z.array(is.domainPattern()).prefault([]),
    'Names that the client gives in EHLO. Anyone can say anything there.',
  ),
  sender_domain: key(
    z.array(is.domainPattern()).prefault([]),
    'Domains of the reverse-path (MAIL FROM).',
  ),
})

const name = () => is.text('a name of a to z, 0 to 9, "_" and "-"', /^[a-z0-9_-]{1,64}$/)

const peer = z.strictObject({
  name: key(
    name(),
    'Name of the class, also in metrics; `default` is the last one and fits everyone else.',
  ),
  match: key(
    match,
    'Who belongs to the class: a client is in the first class of which any one entry fits.',
  ),
  strategy: key(
    z.enum(configurableStrategies).optional(),
    'How Rcptwise serves clients of the class without PRDR; `auto`: each sender as Rcptwise has learned of it, `late` or `lenient`.',
    '`auto`',
  ),
  shadow: key(
    z.enum([...strategyNames, 'none']).optional(),
    'Another strategy, whose cost Rcptwise counts and logs without doing it.',
    '`none`',
  ),
  defer_code: key(
    z.literal([450, 451, 452]).optional(),
    'Code of a deferral; with 452 Exim goes on in the same connection.',
    '451',
  ),
  retry_hint: key(
    is.retryHint().optional(),
    "When to come back, as a deferral's text says.",
    '`00:01:00`',
  ),
  first: key(
    z.enum(['largest', 'offered']).optional(),
    'Which group goes first: the largest of pipelined RCPTs, or that of the first recipient offered.',
    '`largest`',
  ),
  deliver_deferred: key(
    z.boolean().optional(),
    'With `group` and `single`: Rcptwise delivers the text at once to those deferred as well, and acknowledges their retry without a second delivery.',
    '`false`',
  ),
  forgive_as: key(
    z.enum(['lenient', 'off']).optional(),
    'How Rcptwise lets a message through unsplit when it makes no progress.',
    '`lenient`',
  ),
  forgive_after: key(
    is.whole(1, 100).optional(),
    'Number of attempts without progress after which Rcptwise lets the next one through.',
    '1',
  ),
  max_forced_retries: key(
    is.whole(0, 1000).optional(),
    'Number of forced retries of one message after which Rcptwise lets it through.',
    '16',
  ),
  lenient_as: key(
    z.enum(['tag', 'quarantine']).optional(),
    'What `lenient` does for recipients who would have refused.',
    '`tag`',
  ),
  limits: key(
    limitsOfClass,
    'Other limits for the peers of this class; other classes do not inherit them.',
  ),
})

export const peers = z.array(peer).prefault([])
