/** What recipients want, and who wants it. */
import { z } from 'zod'
import {
  listOf,
  mostEntries,
  notations,
  oneLine,
  senderPattern,
  symbolName,
} from '../policy/policy-notation.ts'
import * as is from './notation.ts'
import { key, section } from './notation.ts'
import { aliases, source } from './schema-sources.ts'

/** `ofWhat`: whose score it is. */
const thresholds = (ofWhat: string) => ({
  tag_at: key(is.threshold().optional(), `${ofWhat} from which Rcptwise tags a message.`, 'never'),
  quarantine_at: key(
    is.threshold().optional(),
    `${ofWhat} from which a message goes to \`quarantine.address\`.`,
    'never',
  ),
  defer_at: key(
    is.threshold().optional(),
    `${ofWhat} from which Rcptwise answers 451, so that the sender comes again.`,
    'never',
  ),
  reject_at: key(
    is.threshold().optional(),
    `${ofWhat} from which Rcptwise refuses a message.`,
    'never',
  ),
})

const scorer = (judge: string) =>
  key(
    z.strictObject(thresholds(`Score of ${judge}`)).optional(),
    `Thresholds for the score of the judge \`${judge}\`, where it is not the first that gives scores.`,
  )

const list = (each: string, read: (text: string) => string | undefined) =>
  z.array(is.inPolicy(each, read)).max(mostEntries, listOf(each))
const symbols = () => list(notations.symbol, symbolName)
const senders = () => list(notations.sender, senderPattern)

const policy = z.strictObject({
  ...thresholds('Score of the first judge that gives scores'),
  rspamd: scorer('rspamd'),
  spamd: scorer('spamd'),
  headers: scorer('headers'),
  never_defer: key(
    z.boolean().prefault(false),
    'Recipients with this policy always go through first: no delay for them.',
  ),
  never_reject: key(
    z.boolean().optional(),
    'Where a judge forces a refusal (a virus, for one), recipients with this policy get the message tagged, or it goes to quarantine where the policy has `quarantine_at`.',
    '`false`',
  ),
  no_greylisting: key(
    z.boolean().optional(),
    'Where a judge wants everyone to come again (greylisting, a rate limit), recipients with this policy get the message at once.',
    '`false`',
  ),
  reject_symbols: key(
    symbols().optional(),
    'Rcptwise refuses a message for which a judge gives one of these symbols.',
    'none',
  ),
  tag_symbols: key(
    symbols().optional(),
    'Rcptwise tags a message for which a judge gives one of these symbols.',
    'none',
  ),
  accept_symbols: key(
    symbols().optional(),
    'Recipients with this policy get a message for which a judge gives one of these symbols, whatever its score is.',
    'none',
  ),
  accept_senders: key(
    senders().optional(),
    'Recipients with this policy get what these senders (by the reverse-path) send, whatever its score is.',
    'none',
  ),
  refuse_senders: key(
    senders().optional(),
    'Rcptwise refuses these senders (by the reverse-path) at RCPT; the special entry counts where a sender is in both lists.',
    'none',
  ),
  known_senders_only: key(
    z.boolean().optional(),
    'Rcptwise refuses what no sender in `accept_senders` sends, and what has none of `accept_symbols`; reports with an empty reverse-path are as usual: docs/policies.md.',
    '`false`',
  ),
  max_size: key(
    is.size('1KiB', '10GiB').optional(),
    'Rcptwise refuses a larger message: at RCPT where the client declares its size, else after the text.',
    '`limits.message_size`',
  ),
  reject_text: key(
    is.inPolicy(notations.words, oneLine).optional(),
    'What the client is told in place of the usual words where the policy refuses a message: how to reach the recipient otherwise, for one.',
    'none',
  ),
  group: key(
    z.enum(['own', 'shared']).optional(),
    '`own`: each recipient with this policy has a transaction of its own with your server, and with a client that is split.',
    '`shared`',
  ),
})

export const policies = z.record(z.string(), policy).optional()

export const recipients = section({
  default: key(
    is.text('the name of a policy').optional(),
    'Policy of recipients that no source knows.',
    '`careful`',
  ),
  sources: key(
    z.array(source).prefault([]),
    "Where Rcptwise looks up recipients' policies, in this order: docs/recipients.md.",
  ),
  aliases: key(
    z.array(aliases).prefault([]),
    'Where Rcptwise looks up the mailboxes behind an address, whose policies count: docs/recipients.md. Without it the address itself counts.',
  ),
  alias_steps: key(
    is.whole(1, 100).prefault(10),
    'How many steps from alias to alias Rcptwise follows. If an address leads on, the address itself counts.',
  ),
  alias_mailboxes: key(
    is.whole(1, 10_000).prefault(100),
    'How many mailboxes Rcptwise looks up behind one address. If there are more, the address itself counts.',
  ),
  several: key(
    z.enum(['mildest', 'strictest', 'default']).prefault('mildest'),
    'Which policy an address with several mailboxes has: the mildest or the strictest of what theirs would do with the message, or the default policy.',
  ),
  on_failure: key(
    z.enum(['defer', 'default']).prefault('defer'),
    'What Rcptwise does when a source fails: answer the recipient 451, or use the default policy.',
  ),
})

export const quarantine = z
  .strictObject({
    address: key(is.mailAddress(), 'Where quarantined mail goes, in place of its recipient.'),
  })
  .optional()
