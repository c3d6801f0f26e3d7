/** What recipients want, who wants it, and what their messages are judged by. */
import { z } from 'zod'
import * as is from './notation.ts'
import { key, section } from './notation.ts'

const policy = z.strictObject({
  tag_at: key(is.score().optional(), 'Score from which Rcptwise tags a message.', 'never'),
  quarantine_at: key(
    is.score().optional(),
    'Score from which a message goes to `quarantine.address`.',
    'never',
  ),
  reject_at: key(is.score().optional(), 'Score from which Rcptwise refuses a message.', 'never'),
  never_defer: key(
    z.boolean().prefault(false),
    'Recipients with this policy always go through first: no delay for them.',
  ),
})

export const policies = z.record(z.string(), policy).optional()

const source = z.strictObject({
  file: key(
    is.text('a file name'),
    'YAML file with one `address: policy` a line; see "Recipients\' policies in a file". Rcptwise reads it again when it changes.',
  ),
})

export const recipients = section({
  default: key(
    is.text('the name of a policy').optional(),
    'Policy of recipients that no source knows.',
    '`careful`',
  ),
  sources: key(
    z.array(source).prefault([]),
    "Where Rcptwise looks up recipients' policies, in this order.",
  ),
  on_failure: key(
    z.enum(['defer', 'default']).prefault('defer'),
    'What Rcptwise does when a source fails: answer the recipient 451, or use the default policy.',
  ),
})

export const judge = section({
  headers: key(
    z
      .strictObject({
        from: key(
          z.array(is.range()),
          'Hosts whose fields Rcptwise believes: those on which the scanner runs, or through which mail comes behind it. Everybody else can write such a field, too.',
        ),
        field: key(
          z
            .enum(['X-Spam-Score', 'X-Rspamd-Score', 'X-Spam-Status', 'X-Spamd-Result'])
            .prefault('X-Spam-Score'),
          'The field that the scanner writes; Rcptwise ignores all others.',
        ),
      })
      .optional(),
    'Judge by the score that a scanner in front wrote into the header section, and by GTUBE: docs/judges.md.',
    'in front of a `sink:` alone: from 127.0.0.0/8 and ::1',
  ),
  backend: key(
    z.strictObject({}).nullable().optional(),
    "One backend transaction a group; its reply is that group's verdict.",
    'not used; without a judge every policy accepts',
  ),
  on_failure: key(
    z.enum(['accept', 'defer']).prefault('accept'),
    'What Rcptwise does with a message when the judge fails.',
  ),
})

export const quarantine = z
  .strictObject({
    address: key(is.mailAddress(), 'Where quarantined mail goes, in place of its recipient.'),
  })
  .optional()
