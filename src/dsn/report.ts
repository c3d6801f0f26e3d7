/**
 * A report of refused recipients (delivery status notification): multipart/report (RFC 6522) with
 * an explanation, the status of each refused recipient (RFC 3464) and the original's header section
 * or text; internationalized (RFC 6533) where the original was. Pure.
 */
import { headerDate } from '../smtp/headers.ts'
import { readable } from '../smtp/octets.ts'
import { describeReply, type Reply, replyClass } from '../smtp/reply.ts'
import { decodeXtext } from '../smtp/xtext.ts'
import { parseOriginalRecipient } from './notify.ts'

export interface Refusal {
  /** As Unicode. */
  readonly recipient: string
  /** The value of ORCPT, as it was given. */
  readonly originalRecipient?: string
  /** What the recipient's refusal is: 5yz. */
  readonly reply: Reply
}

export interface ReportOrder {
  /** Our name: who reports. */
  readonly hostname: string
  /**
   * Unique: makes Message-ID and boundary, which must not be guessed by who wrote the original.
   * Letters and digits.
   */
  readonly id: string
  /** Whom it is for, as Unicode. */
  readonly reversePath: string
  /** ms since the epoch. */
  readonly at: number
  readonly arrivedAt: number
  /** Who sent the original, as it called itself, and from where. */
  readonly client: { readonly helo: string; readonly address: string }
  /** The value of ENVID, as it was given. */
  readonly envelopeId?: string
  readonly messageId?: string
  readonly refusals: readonly Refusal[]
  /** What is returned: the header section (RET=HDRS), or the whole text (RET=FULL). */
  readonly original: { readonly kind: 'header' | 'text'; readonly octets: Buffer }
  /**
   * The original came with SMTPUTF8: the report is one too (RFC 6533), for a server that has
   * SMTPUTF8.
   */
  readonly international: boolean
  /**
   * Whether octets above 127 may be in it. Without, those of a header section become `?`, and a
   * text has to be free of them.
   */
  readonly eightBit: boolean
}

export interface Report {
  readonly text: readonly Buffer[]
  /** There are octets above 127 in it: `BODY=8BITMIME`. */
  readonly eightBit: boolean
}

/**
 * Long replies and addresses are cut here, so that no line gets longer than RFC 5322 2.1.1 allows.
 */
const maxReplyOctets = 700
const maxAddressOctets = 900
const maxLineLength = 76

export function writeReport(order: ReportOrder): Report {
  const octets = returnedOctets(order)
  const eightBit = order.international || has8bit(octets)
  const boundary = `=_${order.id}`
  const head = [
    ...headerSection(order),
    'MIME-Version: 1.0',
    'Content-Type: multipart/report; report-type=delivery-status;',
    `\tboundary="${boundary}"`,
    `Content-Transfer-Encoding: ${eightBit ? '8bit' : '7bit'}`,
    '',
    'This is a report of refused recipients in MIME format (RFC 3464).',
    '',
    `--${boundary}`,
    `Content-Type: text/plain; charset=${order.international ? 'utf-8' : 'us-ascii'}`,
    `Content-Transfer-Encoding: ${order.international ? '8bit' : '7bit'}`,
    '',
    ...explanation(order),
    `--${boundary}`,
    `Content-Type: ${order.international ? 'message/global-delivery-status' : 'message/delivery-status'}`,
    ...(order.international ? ['Content-Transfer-Encoding: 8bit'] : []),
    '',
    ...messageStatus(order),
    ...order.refusals.flatMap((refusal) => recipientStatus(order, refusal)),
    '',
    `--${boundary}`,
    `Content-Type: ${originalType(order)}`,
    `Content-Transfer-Encoding: ${has8bit(octets) ? '8bit' : '7bit'}`,
    '',
    '',
  ]
  return { text: [lines(head), octets, lines(['', `--${boundary}--`, ''])], eightBit }
}

/** A line is a line, whatever was put into it. */
const lines = (all: readonly string[]): Buffer => Buffer.from(all.map(noLineEnd).join('\r\n'))
const noLineEnd = (line: string): string => line.replace(/[\0-\x08\x0a-\x1f\x7f]/g, '?')
const has8bit = (octets: Buffer): boolean => octets.some((octet) => octet > 127)

/** Between characters. */
const cut = (text: string, octets: number): string =>
  Buffer.from(text)
    .subarray(0, octets)
    .toString('utf8')
    .replace(/\ufffd$/, '')

/**
 * No line of ours may be written by others: control characters become `?`, and what is no ASCII too
 * unless that is allowed.
 */
function clean(text: string, order: ReportOrder): string {
  return text.replace(order.international ? /[\p{Cc}\p{Zl}\p{Zp}]/gu : /[^\x20-\x7e]/g, '?')
}

const address = (text: string, order: ReportOrder): string =>
  cut(clean(text, order), maxAddressOctets)

function headerSection(order: ReportOrder): string[] {
  const { hostname, messageId } = order
  const reference =
    messageId !== undefined && /^<[\x21-\x7e]{1,250}>$/.test(messageId) ? messageId : undefined
  return [
    `Date: ${headerDate(order.at)}`,
    `From: Mail Delivery System <MAILER-DAEMON@${clean(hostname, order)}>`,
    `To: <${address(order.reversePath, order)}>`,
    `Message-ID: <${order.id}@${clean(hostname, order)}>`,
    ...(reference === undefined ? [] : [`In-Reply-To: ${reference}`, `References: ${reference}`]),
    'Subject: Some recipients refused your message',
    'Auto-Submitted: auto-replied', // RFC 3834 5
  ]
}

function explanation(order: ReportOrder): string[] {
  const { refusals, original } = order
  return [
    ...folded(`This is the mail system at ${clean(order.hostname, order)}.`, ''),
    '',
    'Your message was taken for its other recipients. These refused it, and do not',
    'have it:',
    '',
    ...refusals.flatMap((refusal) => [
      `<${address(refusal.recipient, order)}>`,
      ...folded(`    ${wordsOf(refusal.reply, order)}`, '    '),
      '',
    ]),
    'Nobody tries again for them. The status of each of them follows, and then the',
    original.kind === 'text' ? 'message.' : "message's header section.",
    '',
  ]
}

const wordsOf = (reply: Reply, order: ReportOrder): string =>
  cut(clean(describeReply(reply), order), maxReplyOctets)

function messageStatus(order: ReportOrder): string[] {
  const { client } = order
  const envelopeId = order.envelopeId === undefined ? undefined : decodeXtext(order.envelopeId)
  const from = client.address.includes(':') ? `IPv6:${client.address}` : client.address
  return [
    `Reporting-MTA: dns; ${clean(order.hostname, order)}`,
    ...(envelopeId === undefined
      ? []
      : [`Original-Envelope-Id: ${cut(clean(readable(envelopeId), order), maxAddressOctets)}`]),
    `Received-From-MTA: dns; ${cut(clean(readable(client.helo), order), 255)} ([${clean(from, order)}])`,
    `Arrival-Date: ${headerDate(order.arrivedAt)}`,
  ]
}

function recipientStatus(order: ReportOrder, refusal: Refusal): string[] {
  const { originalRecipient } = refusal
  const original =
    originalRecipient === undefined ? undefined : parseOriginalRecipient(originalRecipient)
  return [
    '',
    ...(original === undefined
      ? []
      : [`Original-Recipient: ${original.type}; ${address(original.address, order)}`]),
    `Final-Recipient: ${finalRecipient(refusal, order)}`,
    'Action: failed',
    `Status: ${statusOf(refusal.reply)}`,
    ...folded(`Diagnostic-Code: smtp; ${wordsOf(refusal.reply, order)}`, '\t'),
  ]
}

const beyondAscii = /[^\x20-\x7e]/

/**
 * Beyond ASCII in a report without SMTPUTF8: `\x{E4}` (RFC 6533 3, utf-8-addr-xtext), so that it is
 * told whom it is about.
 */
function finalRecipient({ recipient }: Refusal, order: ReportOrder): string {
  if (!beyondAscii.test(recipient)) return `rfc822; ${address(recipient, order)}`
  if (order.international) return `utf-8; ${address(recipient, order)}`
  const encoded = recipient.replace(/[^\x20-\x7e]|\\/gu, (character) => {
    const point = character.codePointAt(0) ?? 0
    return `\\x{${point.toString(16).toUpperCase()}}`
  })
  return `utf-8; ${cut(encoded, maxAddressOctets)}`
}

/** The enhanced status code (RFC 3463), from the reply's own words where it was relayed. */
function statusOf(reply: Reply): string {
  if (reply.detail !== undefined) return `${replyClass(reply)}.${reply.detail}`
  return /^5\.[0-9]{1,3}\.[0-9]{1,3}(?= |$)/.exec(reply.lines[0])?.[0] ?? '5.0.0'
}

/** Broken at blanks, where it can be; `indent` in front of every line but the first. */
function folded(text: string, indent: string): string[] {
  const done: string[] = []
  let rest = text
  while (rest.length > maxLineLength) {
    const start = rest.search(/[^ \t]/)
    const near = rest.lastIndexOf(' ', maxLineLength)
    const at = near > start ? near : rest.indexOf(' ', Math.max(start, maxLineLength))
    if (at === -1) break
    done.push(rest.slice(0, at))
    rest = `${indent}${rest.slice(at + 1)}`
  }
  return [...done, rest]
}

function originalType({ original, international }: ReportOrder): string {
  if (original.kind === 'text') return international ? 'message/global' : 'message/rfc822'
  return international ? 'message/global-headers' : 'text/rfc822-headers'
}

function returnedOctets({ original, eightBit }: ReportOrder): Buffer {
  const { octets } = original
  const whole =
    octets.length === 0 || octets.subarray(-2).equals(Buffer.from('\r\n'))
      ? octets
      : withLineEnd(octets)
  if (eightBit || original.kind === 'text') return whole
  return Buffer.from(whole.map((octet) => (octet > 127 ? 0x3f : octet)))
}

const withLineEnd = (octets: Buffer): Buffer => Buffer.concat([octets, Buffer.from('\r\n')])
