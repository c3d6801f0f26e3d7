/**
 * What has to stand between header fields that are put in front of a text and the text's first
 * line, which may be anything. A field there goes on the section. A mailbox's `From ` line becomes
 * a field, as Postfix makes it one (smtpd, `X-Mailbox-Line`). Anything else would go on our last
 * field, if it begins with a blank, or end the section for some and not for others: an empty line
 * ends it for all, as Postfix writes it.
 */

export type Joint = '' | '\r\n' | 'X-Mailbox-Line: '

/** As much of a first line as is looked at; a field has its colon by then. */
export const firstLineOctets = 1000

const field = /^[!-9;-~]+[ \t]*:/
const mailboxLine = /^>*from /i

/**
 * `beginning`: of the text; `whole`: there is no more of it. Undefined when only more octets can
 * tell.
 */
export function jointBefore(beginning: Buffer, whole: boolean): Joint | undefined {
  const end = beginning.indexOf('\r\n')
  const line = beginning.toString(
    'latin1',
    0,
    end === -1 ? firstLineOctets : Math.min(end, firstLineOctets),
  )
  if (end === 0 || field.test(line)) return ''
  if (end === -1 && line.length < firstLineOctets && !whole) return undefined
  if (line === '') return ''
  return mailboxLine.test(line) ? 'X-Mailbox-Line: ' : '\r\n'
}
