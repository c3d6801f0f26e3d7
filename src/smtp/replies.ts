/**
 * Every reply that Rcptwise itself gives, by name: find a log line here, and with it its reason.
 * The first digit of the enhanced code comes from the code (reply.ts). A 4yz for a recipient or a
 * message carries a retry hint; `4.5.3` is kept for deferrals that only split (rule 3). Texts about
 * a deferral never say storage, quota, full or 4.7.x: some senders put these into other classes
 * (senders).
 */
import type { Reply } from './reply.ts'
import { retryHint } from './retry-hint.ts'

const one = (code: number, detail: string, text: string): Reply => ({ code, detail, lines: [text] })
const plain = (code: number, text: string): Reply => ({ code, lines: [text] })

/** When to come back after trouble of our own or of the backend's, in seconds. */
const troubleSeconds = 300

export const replies = {
  // The session (RFC 5321 4.1, 4.2)
  greeting: (hostname: string): Reply => plain(220, `${hostname} ESMTP Rcptwise`),
  helo: (hostname: string): Reply => plain(250, hostname),
  ehlo: (hostname: string, keywords: readonly string[]): Reply => ({
    code: 250,
    lines: [hostname, ...keywords],
  }),
  ok: one(250, '0.0', 'OK'),
  reset: one(250, '0.0', 'Reset'),
  bye: one(221, '0.0', 'Bye'),
  help: one(214, '0.0', 'EHLO HELO MAIL RCPT DATA BDAT RSET NOOP QUIT VRFY STARTTLS; see RFC 5321'),
  // RFC 5321 3.5.3, 7.3
  vrfy: one(252, '5.2', 'Cannot verify an address here; send mail to it and see'),
  senderOk: one(250, '1.0', 'Sender OK'),
  recipientOk: one(250, '1.5', 'Recipient OK'),
  startText: plain(354, 'End the text with a dot on a line of its own'),
  chunkOk: (bytes: number): Reply => one(250, '0.0', `${bytes} octets received`),

  // Commands that are wrong here
  unknownCommand: one(500, '5.2', 'Command not recognized'),
  notImplemented: one(502, '5.1', 'Command not implemented'),
  lineTooLong: one(500, '5.2', 'Command line too long'),
  strayByte: one(
    521,
    '5.2',
    'A command line must end with CRLF and hold no other CR, LF or NUL; closing',
  ),
  foreign: one(521, '5.2', 'This is an SMTP server; closing'),
  tooManyErrors: one(
    421,
    '7.0',
    `Too many errors; closing, please try ${retryHint(troubleSeconds)}`,
  ),
  badDomain: one(501, '5.4', 'EHLO and HELO take one host name or address literal'),
  badArgument: (verb: string): Reply =>
    one(501, '5.4', `${verb} has an argument that it cannot have`),
  badChunk: one(521, '5.4', 'BDAT takes a number of octets, and LAST; closing'),
  badPath: (verb: string): Reply => one(501, '1.3', `${verb}: that is no mail address`),
  badParameters: (verb: string): Reply => one(501, '5.4', `${verb}: the parameters cannot be read`),
  badParameter: (name: string): Reply => one(501, '5.4', `${name} has a value that it cannot have`),
  unknownParameter: (name: string): Reply => one(555, '5.4', `${name} was not offered here`),
  // RFC 6531 3.5
  needsSmtpUtf8: one(553, '6.7', 'An address with characters beyond ASCII needs SMTPUTF8'),
  helloFirst: one(503, '5.1', 'Say EHLO or HELO first'),
  nestedMail: one(503, '5.1', 'A transaction is under way; RSET ends it'),
  needMail: one(503, '5.1', 'Need MAIL first'),
  needRecipient: one(503, '5.1', 'Need RCPT first'),
  noValidRecipients: one(554, '5.1', 'No valid recipients'), // RFC 5321 3.3
  textNotWanted: one(554, '5.1', 'DATA was refused; the text that came all the same was dropped'),
  textNotNow: one(
    451,
    '5.1',
    `DATA was refused; the text that came all the same was dropped, please try ${retryHint(60)}`,
  ),
  // RFC 3030 3
  binaryByBdat: one(503, '5.1', 'A binary text (BODY=BINARYMIME) comes by BDAT, not by DATA'),
  mixedDataBdat: one(503, '5.1', 'DATA cannot follow BDAT in one transaction'), // RFC 3030 4.2
  pipelining: one(554, '5.0', 'Commands came before they were allowed (RFC 2920 3.1); closing'),
  earlyTalker: one(554, '5.0', 'You spoke before the greeting; closing'),
  tlsNotOffered: one(502, '5.1', 'STARTTLS is not offered here'),
  tlsActive: one(503, '5.1', 'TLS is active already'),
  tlsReady: one(220, '0.0', 'Ready to start TLS'),

  // AUTH (RFC 4954 4, 6)
  authOk: one(235, '7.0', 'Authentication successful'),
  authFailed: one(535, '7.8', 'Authentication failed'),
  authUnavailable: one(
    454,
    '7.0',
    `The server that knows the passwords does not answer; please try ${retryHint(60)}`,
  ),
  authBusy: one(
    454,
    '7.0',
    `Too many clients have authenticated at the moment; please try ${retryHint(60)}`,
  ),
  authNow: one(503, '5.1', 'AUTH is not allowed within a transaction'),
  authTwice: one(503, '5.1', 'You are authenticated already'),
  authMechanism: one(504, '5.4', 'That mechanism is not offered here'),
  authNeedsTls: one(530, '7.0', 'Say STARTTLS first'), // RFC 3207 4
  authLineTooLong: one(500, '5.6', 'That line is too long for an authentication; closing'),

  // Limits
  idle: one(421, '4.2', `No command came in time; closing, please try ${retryHint(60)}`),
  textTimeout: one(421, '4.2', `The text stopped coming; closing, please try ${retryHint(60)}`),
  textTooSlow: one(421, '4.2', `The text comes too slowly; closing, please try ${retryHint(60)}`),
  shuttingDown: one(
    421,
    '3.2',
    `Going down for a short while; closing, please try ${retryHint(60)}`,
  ),
  tooManySessions: one(
    421,
    '7.0',
    `Too many connections at the moment; please try ${retryHint(60)}`,
  ),
  tooManyFromHere: one(
    421,
    '7.0',
    `Too many connections from your address; please try ${retryHint(60)}`,
  ),
  tooManyFromNetwork: one(
    421,
    '7.0',
    `Too many connections from your network; please try ${retryHint(60)}`,
  ),
  tooManyOfClass: one(
    421,
    '7.0',
    `Too many connections from hosts of your kind; please try ${retryHint(60)}`,
  ),
  connectsTooOften: one(
    421,
    '7.0',
    `Too many connections in a short time; please try ${retryHint(60)}`,
  ),
  tooManyErrorsLately: one(
    421,
    '7.0',
    `Too many errors from your address; closing, please try ${retryHint(60)}`,
  ),
  tooManyMessages: one(
    451,
    '7.1',
    `Too many messages in a short time; please try ${retryHint(60)}`,
  ),
  tooManyRecipientsLately: one(
    451,
    '7.1',
    `Too many recipients in a short time; please try ${retryHint(60)}`,
  ),
  tooManyTransactions: one(
    421,
    '7.0',
    `Enough messages for one connection; a new one, please, ${retryHint(1)}`,
  ),
  tooManyRecipients: one(
    452,
    '5.3',
    `Too many recipients in one transaction; please try the rest ${retryHint(60)}`,
  ), // RFC 5321 4.5.3.1.10
  messageTooLarge: (limit: number): Reply =>
    one(552, '3.4', `The message is larger than ${limit} octets`), // RFC 1870 6
  headerTooLarge: one(552, '6.0', 'The header section is too large'),
  textLineTooLong: one(550, '6.0', 'A line of the text is too long'),
  bareNewline: one(
    550,
    '5.2',
    'bare <CR> or <LF> not allowed: lines of the text must end with CRLF',
  ),
  nulAtLineStart: one(550, '6.0', 'NUL at the start of a line not allowed'),

  // Envelope
  relayDenied: (domain: string): Reply =>
    one(550, '7.1', `Mail for ${domain} is not accepted here`),
  routeDenied: one(
    550,
    '7.1',
    'An address with a route in it (%, ! or @ in front of the last @) is not accepted here',
  ),
  policyUnavailable: one(
    451,
    '3.0',
    `The recipient's settings cannot be read at the moment; please try ${retryHint(troubleSeconds)}`,
  ),

  // The backend
  backendUnavailable: one(
    451,
    '4.1',
    `The mail server behind this one does not answer; please try ${retryHint(troubleSeconds)}`,
  ),
  backendLost: one(
    451,
    '4.2',
    `The mail server behind this one went away; please try ${retryHint(troubleSeconds)}`,
  ),
  backendNonsense: one(
    451,
    '3.0',
    `The mail server behind this one gave an answer that has no place here; please try ${retryHint(troubleSeconds)}`,
  ),
  cannotBeSaid: one(
    451,
    '3.0',
    `The mail server behind this one cannot be asked that; please try ${retryHint(troubleSeconds)}`,
  ),
  /** RFC 3463 X.3.5: what the server said is for whoever runs it, and stands in the log. */
  backendRefusesUs: one(
    451,
    '3.5',
    `The mail server behind this one is not set up to take mail from here; please try ${retryHint(troubleSeconds)}`,
  ),
  /**
   * RFC 3463 X.3.3: a feature that is not there at the moment; at its next session the client sees
   * what is.
   */
  backendLacks: (keyword: string): Reply =>
    one(
      451,
      '3.3',
      `No mail server that knows ${keyword} can be reached; please try ${retryHint(troubleSeconds)}`,
    ),
  // RFC 6152 3
  backendNot8bit: one(554, '6.3', 'The mail server behind this one takes no 8-bit text (8BITMIME)'),
  backendNotUtf8: one(
    550,
    '6.7',
    'The mail server behind this one takes no addresses beyond ASCII (SMTPUTF8)',
  ), // RFC 6531 3.5
  backendNotBinary: one(
    554,
    '6.3',
    'The mail server behind this one takes no binary text (BINARYMIME)',
  ), // RFC 3030 3
  // RFC 8689 4.2.1
  backendNoRequireTls: one(550, '7.30', 'The mail server behind this one does not keep REQUIRETLS'),
  noAnswerInTime: one(451, '4.2', `No decision in time; please try ${retryHint(troubleSeconds)}`),
  /** Of this very message: when its sender comes again, the outcome is known. */
  stillUnderWay: one(
    451,
    '4.2',
    `An earlier attempt of this message is still being delivered; please try ${retryHint(troubleSeconds)}`,
  ),
  noRoom: one(
    452,
    '3.1',
    `A message of that size cannot be taken just now; please try ${retryHint(troubleSeconds)}`,
  ),
  /**
   * RFC 5321 4.2.3: 452 is for what is too much at the moment; the disk may be the limit, or
   * spool.total_disk.
   */
  spoolTrouble: one(
    452,
    '3.1',
    `The text cannot be kept at the moment; please try ${retryHint(troubleSeconds)}`,
  ),
  judgeUnavailable: one(
    451,
    '7.0',
    `The message cannot be checked at the moment; please try ${retryHint(troubleSeconds)}`,
  ),

  // Splitting (rule 3)
  deferred: (code: 450 | 451 | 452, recipient: string, seconds: number): Reply =>
    one(
      code,
      '5.3',
      `<${recipient}> needs a transaction of its own; please try ${retryHint(seconds)}`,
    ),
  /** Rule 2: the refusal waits until nobody else is deferred. */
  refusalKept: (seconds: number): Reply =>
    one(
      451,
      '5.3',
      `The recipients of this message are answered separately; please try ${retryHint(seconds)}`,
    ),

  alreadyDelivered: one(250, '0.0', 'Delivered before; not delivered again'), // rule 6

  // Verdicts
  rejected: (recipient: string): Reply =>
    one(550, '7.1', `<${recipient}> refuses this message as spam`),
  putOff: (recipient: string): Reply =>
    one(
      451,
      '7.1',
      `<${recipient}> does not take this message now; please try ${retryHint(troubleSeconds)}`,
    ),
  /** `words`: the recipient's own (octets.ts). */
  rejectedSaying: (words: string): Reply => one(550, '7.1', words),
  refusesSender: (recipient: string): Reply =>
    one(550, '7.1', `<${recipient}> takes no mail from this sender`),
  /** RFC 1870 6 */
  tooLargeFor: (recipient: string, limit: number): Reply =>
    one(552, '3.4', `<${recipient}> takes no message that is larger than ${limit} octets`),
  rejectedForAll: one(550, '7.1', 'The recipients refuse this message as spam'),
  refusedByAll: one(
    550,
    '7.1',
    'The recipients refuse this message, each for a reason of their own',
  ),
  // draft-hall-prdr-00 4.5.1: no enhanced code here
  blockStart: plain(353, 'One reply per recipient follows'),
  blockEnd: one(250, '0.0', 'Each recipient was answered above'), // rule 4
} as const

/** Lines of one reply in which recipients say why they refuse. */
const mostWords = 8

/** Several refuse, and say different things: one reply with the words of each. */
export function refusedSaying(refusals: readonly Reply[]): Reply {
  const [all] = replies.refusedByAll.lines
  const words = new Set(refusals.flatMap(({ lines }) => lines))
  return { ...replies.refusedByAll, lines: [all, ...[...words].slice(0, mostWords)] }
}

/** Octets of a reply's last line, names included, and of what stands around them. */
const namedLineBytes = 400

/**
 * The backend's refusal for some recipients of a message that the others have, as the one answer to
 * a client that hears no other: whoever reads the bounce is told whom it is for.
 */
export function refusedForSome(refusal: Reply, recipients: readonly string[]): Reply {
  const last = refusal.lines.at(-1) ?? ''
  let names = ''
  let named = 0
  for (const recipient of recipients) {
    if (last.length + names.length + recipient.length > namedLineBytes) break
    names += `${named === 0 ? '' : ', '}<${recipient}>`
    named++
  }
  const others = recipients.length - named
  const whom = others === 0 ? names : `${names === '' ? '' : `${names} and `}${others} more`
  const [first, ...more] = [
    ...refusal.lines.slice(0, -1),
    `${last} (only for ${whom}; the other recipients have the message)`,
  ]
  return { ...refusal, lines: [first, ...more] }
}
