/** What recipients want, and who wants it. */
import { z } from 'zod'
import * as is from './notation.ts'
import { key, section } from './notation.ts'
import { source } from './schema-sources.ts'

const policy = z.strictObject({
  tag_at: key(is.threshold().optional(), 'Score from which Rcptwise tags a message.', 'never'),
  quarantine_at: key(
    is.threshold().optional(),
    'Score from which a message goes to `quarantine.address`.',
    'never',
  ),
  reject_at: key(
    is.threshold().optional(),
    'Score from which Rcptwise refuses a message.',
    'never',
  ),
  never_defer: key(
    z.boolean().prefault(false),
    'Recipients with this policy always go through first: no delay for them.',
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
