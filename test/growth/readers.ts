/**
 * Everything that reads what others write, as a function of a text (one character an octet) whose
 * cost is measured.
 */
import { isLoopbackHost, refuseHost, refuseOrigin } from '../../src/admin/guard.ts'
import { parseDuration as parseAdminDuration } from '../../src/admin/duration.ts'
import { parsePosition } from '../../src/admin/events/frame.ts'
import { folderName } from '../../src/backend/sink/folder-name.ts'
import { operations } from '../../src/admin/operations.ts'
import { readAgreed, readReply } from '../../src/judge/milter/replies.ts'
import { FrameReader } from '../../src/judge/milter/wire.ts'
import { readAnswer as hookAnswer } from '../../src/judge/hook/answer.ts'
import { readAnswer as rspamdAnswer } from '../../src/judge/rspamd/answer.ts'
import { readAnswer as spamdAnswer } from '../../src/judge/spamd/wire.ts'
import { Router } from '../../src/admin/router.ts'
import {
  parseDomainPattern,
  parseListenAddress,
  parseMailAddress,
  parseRange,
  parseHttpServer,
  parseHttpUrl,
  parseServer,
  parseSpamdServer,
  parseMilterServer,
} from '../../src/config/addresses.ts'
import { inWords } from '../../src/config/in-words.ts'
import { parseConfig } from '../../src/config/load.ts'
import { parseDuration, parseSize } from '../../src/config/units.ts'
import { addressKeeper, withAddresses } from '../../src/history/addresses.ts'
import { attemptOf } from '../../src/history/attempt.ts'
import { writtenOf } from '../../src/history/batch-text.ts'
import { messagesOf } from '../../src/history/messages-of.ts'
import { conditionsOf, questionOf } from '../../src/history/question.ts'
import { keyOf } from '../../src/history/terms.ts'
import { recipient, transaction } from '../metrics/sample-facts.ts'
import { whyAutomatic } from '../../src/dsn/automatic.ts'
import { parseOriginalRecipient } from '../../src/dsn/notify.ts'
import { writeReport } from '../../src/dsn/report.ts'
import { GtubeFinder } from '../../src/judge/gtube.ts'
import { judgeHeader } from '../../src/judge/headers.ts'
import { foreignNames } from '../../src/message/foreign-fields.ts'
import { readFields, readFirstFields } from '../../src/message/header-fields.ts'
import { HeaderReader, type HeaderSection } from '../../src/message/header-section.ts'
import { MessageIdReader } from '../../src/message/message-id.ts'
import { scoreFields, scoreIn } from '../../src/judge/score-field.ts'
import { senderName } from '../../src/peers/sender-name.ts'
import { createFingerprint } from '../../src/split/fingerprint.ts'
import { networkOf, plainAddress } from '../../src/peers/network.ts'
import { hideAddresses, withoutAddresses } from '../../src/log/hidden-addresses.ts'
import { visible, visibleJson } from '../../src/log/visible.ts'
import { canonicalOrLower, parseAddressPattern } from '../../src/policy/address-pattern.ts'
import { AliasEntries } from '../../src/policy/aliases/alias-entries.ts'
import { parseAliasLine } from '../../src/policy/aliases/alias-line.ts'
import { PolicyEntries } from '../../src/policy/policy-entries.ts'
import { parsePolicyLine } from '../../src/policy/policy-line.ts'
import { parsePolicyText } from '../../src/policy/policy-text.ts'
import { policyMapValues } from '../../src/policy/postfix/map-values.ts'
import { RegexpEntries } from '../../src/policy/postfix/regexp-entries.ts'
import { TexthashEntries } from '../../src/policy/postfix/texthash-entries.ts'
import { parseQuery } from '../../src/policy/sql/query.ts'
import { BinaryReceiver } from '../../src/smtp/binary-receiver.ts'
import { parseCommand } from '../../src/smtp/command.ts'
import { canonicalDomain, canonicalDomainOf, canonicalPattern } from '../../src/smtp/domain.ts'
import { type Ending, stuffDots } from '../../src/smtp/dot-stuffing.ts'
import { parseExtensions } from '../../src/smtp/ehlo.ts'
import { EndFinder } from '../../src/smtp/end-finder.ts'
import { receivedField, tagFields } from '../../src/smtp/headers.ts'
import { canonicalIp, parseIpAddress } from '../../src/smtp/ip-address.ts'
import { readRetryHint } from '../../src/smtp/retry-hint.ts'
import { LineSplitter } from '../../src/smtp/line-splitter.ts'
import { octetsOf, printable, readable, toOctets } from '../../src/smtp/octets.ts'
import {
  checkMailParameters,
  checkRcptParameters,
  encodeParameters,
  parseParameters,
} from '../../src/smtp/parameters.ts'
import { parseAnyPath, parsePath } from '../../src/smtp/path.ts'
import { parseProxyHeader } from '../../src/smtp/proxy-header.ts'
import { ReplyParser } from '../../src/smtp/reply-parser.ts'
import { describeReply, encodeReply } from '../../src/smtp/reply.ts'
import { isRouted } from '../../src/smtp/routed.ts'
import { TextReceiver, type TextReceiverOptions } from '../../src/smtp/text-receiver.ts'
import { encodeClient, parseClient } from '../../src/smtp/xclient.ts'
import { decodeXtext, encodeXtext } from '../../src/smtp/xtext.ts'
import { aligned, organisationOf } from '../../src/sender-auth/alignment.ts'
import { authorDomain } from '../../src/sender-auth/author.ts'
import { chooseSignatures } from '../../src/sender-auth/signatures.ts'
import { vouchedBySymbols } from '../../src/verdict/vouched-symbols.ts'
import { logBeginnings, readLogs } from './logs.ts'

export interface Reader {
  /** What the hostile part stands behind; each is tried. */
  readonly before: readonly string[]
  /** In octets; a line is shorter than a text. */
  readonly longest: number
  /** Whether what stands at the end matters, too. */
  readonly ends: boolean
  readonly read: (text: string) => unknown
}

const lineLength = 32_768
const textLength = 131_072

const reader = (read: (text: string) => unknown, ...before: readonly string[]): Reader => ({
  before: ['', ...before],
  longest: lineLength,
  ends: true,
  read,
})

/** Of texts, which are longer. */
const textReader = (read: (text: string) => unknown, ...before: readonly string[]): Reader => ({
  ...reader(read, ...before),
  longest: textLength,
  ends: false,
})

const offered = parseExtensions([
  'mx',
  'SIZE',
  '8BITMIME',
  'SMTPUTF8',
  'DSN',
  'PRDR',
  'AUTH PLAIN',
  'DELIVERBY',
  'MT-PRIORITY',
])

/** One after the other, as a client may send them. */
function* pieces(text: string, length: number): Generator<Buffer> {
  const octets = toOctets(text)
  for (let at = 0; at < octets.length; at += length) yield octets.subarray(at, at + length)
}

const whole = 1 << 30
const small = 7

function splitLines(text: string, length: number): void {
  const splitter = new LineSplitter(12_288)
  for (const piece of pieces(text, length)) {
    splitter.push(piece)
    while (splitter.next() !== undefined);
  }
}

function readReplies(text: string, length: number): void {
  const parser = new ReplyParser()
  for (const piece of pieces(text, length)) parser.push(piece)
}

const limits: TextReceiverOptions = {
  bareNewlines: 'reject',
  maxBytes: whole,
  maxLineBytes: whole,
  maxHeaderBytes: whole,
  dots: true,
}

function receive(text: string, length: number, bareNewlines: 'reject' | 'normalize'): void {
  const receiver = new TextReceiver({ ...limits, bareNewlines }, () => undefined)
  for (const piece of pieces(text, length)) if (!receiver.ended) receiver.push(piece)
}

function receiveBinary(text: string, length: number): void {
  const receiver = new BinaryReceiver(limits, () => undefined)
  for (const piece of pieces(text, length)) receiver.push(piece)
}

function stuff(text: string, length: number): void {
  let ending: Ending = 'lineStart'
  for (const piece of pieces(text, length)) ending = stuffDots(piece, ending).ending
}

function findEnd(text: string, length: number): void {
  const finder = new EndFinder('')
  for (const piece of pieces(text, length)) if (finder.push(piece) !== undefined) return
}

function identify(text: string, length: number): unknown {
  const fingerprint = createFingerprint()
  for (const piece of pieces(text, length)) fingerprint.push(piece)
  return fingerprint.end()
}

function readMessageId(text: string, length: number): unknown {
  const reader = new MessageIdReader()
  for (const piece of pieces(text, length)) reader.push(piece)
  reader.end()
  return reader.messageId
}

function collectHeader(text: string, length: number): void {
  const reader = new HeaderReader()
  const gtube = new GtubeFinder()
  let section: HeaderSection | undefined
  for (const piece of pieces(text, length)) {
    section ??= reader.push(piece)
    gtube.push(piece)
  }
  for (const field of scoreFields) judgeHeader(section ?? reader.end(), field)
  foreignNames(section ?? reader.end(), 'mx.test')
}

const inPieces = (
  read: (text: string, length: number) => unknown,
  ...before: readonly string[]
): readonly [Reader, Reader] => [
  textReader((text) => read(text, whole), ...before),
  reader((text) => read(text, small), ...before),
]

const [wholeLines, linesInPieces] = inPieces(splitLines, 'MAIL FROM:<')
const [wholeReplies, repliesInPieces] = inPieces(readReplies, '250-', '250 ', '451 4.3.0 ')
const [wholeFingerprint, fingerprintInPieces] = inPieces(
  identify,
  'Subject: ',
  'Message-ID: <',
  '\r\n',
  'a: b\r\n\r\n--',
)
const [wholeHeader, headerInPieces] = inPieces(
  collectHeader,
  'X-Spam-Status: ',
  'X-Spamd-Result: ',
  'X-Spam-Score: ',
  'X-Spam-Level: ',
)
const [wholeMessageId, messageIdInPieces] = inPieces(readMessageId, 'Message-ID: ')
const [wholeStuffing, stuffingInPieces] = inPieces(stuff)
const [wholeEnd, endInPieces] = inPieces(findEnd)
const [wholeBinary, binaryInPieces] = inPieces(receiveBinary, 'a: b\r\n\r\n')

const header = (text: string): Buffer => toOctets(`${text}\r\n`)

/** Of a header section: as reports, vouching and judges read it. */
function readHeaderFields(text: string): unknown {
  const section = new HeaderReader().push(toOctets(`${text}\r\n\r\nbody`))
  const fields = (section === undefined ? undefined : readFields(section.header)?.all) ?? []
  const looked = fields.map(({ value, lines }) => [value, lines])
  whyAutomatic('a@x.test', fields)
  authorDomain(fields)
  return looked
}

const refusal = (text: string) => ({ code: 550, lines: [text] }) as const

const report = (text: string): unknown =>
  writeReport({
    id: 'x',
    hostname: 'mx.test',
    reversePath: 'a@x.test',
    at: 0,
    arrivedAt: 0,
    client: { helo: text, address: '192.0.2.1' },
    envelopeId: text,
    messageId: text,
    refusals: [
      { recipient: 'b@example.org', reply: refusal(text), originalRecipient: `rfc822;${text}` },
    ],
    original: { kind: 'header', octets: header(text) },
    international: false,
    eightBit: true,
  } as unknown as Parameters<typeof writeReport>[0])

function policyFile(text: string): void {
  const entries = new PolicyEntries(['strict'])
  let line = 0
  for (const each of text.split('\n')) entries.add(each, ++line)
  entries.lookUp(text)
}

function aliasFile(text: string): void {
  const entries = new AliasEntries()
  let line = 0
  for (const each of text.split('\n')) entries.add(each, ++line)
  entries.lookUp(text)
}

const keeper = addressKeeper('hash', Buffer.alloc(32))

/** What a server, a client and whoever asks have written. */
function keepAndAsk(text: string): void {
  const attempt = attemptOf(
    transaction({ reversePath: text, messageId: text, reply: text, recipients: [recipient(text)] }),
  )
  // Also what is longer than is kept.
  const whole = { ...attempt, recipients: [recipient('a@b.test', { reply: text })], reply: text }
  for (const each of [attempt, whole]) writtenOf([withAddresses(each, keeper)])
  messagesOf({ attempts: [attempt, whole], closings: [] })
  const asked = questionOf({ address: text, messageId: text, queueId: text, limit: 1 })
  for (const terms of conditionsOf(asked, keeper)) terms.map((term) => keyOf(term, 1))
}

const router = new Router(operations)

export const readers: Readonly<Record<string, Reader | undefined>> = {
  'commands: parseCommand': reader(
    parseCommand,
    'MAIL FROM:<',
    'RCPT TO:<',
    'MAIL FROM:<"',
    'EHLO ',
    'AUTH PLAIN ',
    'BDAT 1',
    'VRFY ',
  ),
  'paths: parsePath': reader(parsePath, '<', '<"', '<@', '<@a:', '<a@', '<a@[', 'a@', '<a@a> '),
  'paths: parseAnyPath': reader(parseAnyPath, '<', '<"', '<@', '<@a:', '<a@', '<a@[', 'a@'),
  'parameters: parseParameters, their checks and encodeParameters': reader(
    (text) => {
      const parameters = parseParameters(text)
      if (parameters === undefined) return
      checkMailParameters(parameters, offered)
      checkRcptParameters(parameters, offered)
      encodeParameters(parameters)
    },
    'SIZE=',
    'AUTH=',
    'NOTIFY=SUCCESS',
    'NOTIFY=',
    'ORCPT=rfc822;',
    'ENVID=',
    'BY=',
  ),
  'routes in local parts: isRouted': reader(isRouted, '"', '"a@', '@'),
  'EHLO: parseExtensions': reader((text) => parseExtensions(text.split('\r\n')), 'SIZE ', 'AUTH '),
  'domains: canonicalDomain, canonicalDomainOf, canonicalPattern': reader(
    (text) => {
      canonicalDomain(text)
      canonicalDomainOf(text)
      canonicalPattern(text)
      canonicalOrLower(text)
    },
    'xn--',
    '*.',
  ),
  'octets and text: printable, readable, octetsOf, visible, hideAddresses, folderName': reader(
    (text) => {
      printable(text)
      readable(text)
      octetsOf(text)
      visible(text)
      visibleJson(JSON.stringify(text))
      hideAddresses(text, (address) => address)
      withoutAddresses(`${JSON.stringify({ reply: text })}\n`, () => '')
      folderName(text)
    },
  ),
  'command lines: LineSplitter': wholeLines,
  'command lines in pieces: LineSplitter': linesInPieces,
  'replies: ReplyParser': wholeReplies,
  'replies in pieces: ReplyParser': repliesInPieces,
  'replies that are passed on: encodeReply, describeReply': reader((text) => {
    encodeReply(refusal(text))
    describeReply(refusal(text))
  }),
  'PROXY: parseProxyHeader': reader(
    (text) => parseProxyHeader(toOctets(text)),
    'PROXY TCP4 ',
    'PROXY TCP6 ',
    'PROXY UNKNOWN',
    '\r\n\r\n\0\r\nQUIT\n',
  ),
  'XCLIENT: parseClient, encodeClient': reader(
    (text) => {
      const client = parseClient(text)
      if (client !== undefined) encodeClient('XCLIENT', client, 'NAME ADDR HELO')
      encodeClient('XCLIENT', { helo: text, name: text, address: text }, 'NAME ADDR HELO')
    },
    'ADDR=',
    'ADDR=IPV6:',
    'HELO=',
    'NAME=+',
  ),
  'xtext: decodeXtext, encodeXtext': reader((text) => {
    decodeXtext(text)
    encodeXtext(text)
  }, '+'),
  'retry hints: readRetryHint': reader((text) => readRetryHint(text), 'retry=', 'retry=1', '1'),
  'IP addresses: parseIpAddress, canonicalIp, networkOf, plainAddress': reader(
    (text) => {
      parseIpAddress(text)
      canonicalIp(text)
      networkOf(text)
      plainAddress(text)
    },
    '::',
    '::ffff:',
    '1.',
  ),
  'texts: TextReceiver': textReader((text) => receive(text, whole, 'reject'), 'a: b\r\n\r\n'),
  'texts in pieces: TextReceiver': textReader(
    (text) => receive(text, small, 'reject'),
    'a: b\r\n\r\n',
  ),
  'texts that are normalized: TextReceiver': textReader(
    (text) => receive(text, whole, 'normalize'),
    'a: b\r\n\r\n',
  ),
  'texts that are normalized, in pieces: TextReceiver': textReader(
    (text) => receive(text, small, 'normalize'),
    'a: b\r\n\r\n',
  ),
  'binary texts: BinaryReceiver': wholeBinary,
  'binary texts in pieces: BinaryReceiver': binaryInPieces,
  'ends of texts: EndFinder, NewlineFinder': wholeEnd,
  'ends of texts in pieces: EndFinder, NewlineFinder': endInPieces,
  'texts on their way out: stuffDots': wholeStuffing,
  'texts on their way out in pieces: stuffDots': stuffingInPieces,
  'fingerprints: createFingerprint': wholeFingerprint,
  'fingerprints in pieces: createFingerprint': fingerprintInPieces,
  'judges: HeaderReader, GtubeFinder, judgeHeader': wholeHeader,
  'judges in pieces: HeaderReader, GtubeFinder, judgeHeader': headerInPieces,
  'Message-ID: MessageIdReader': wholeMessageId,
  'Message-ID in pieces: MessageIdReader': messageIdInPieces,
  'judged fields: readFields, scoreIn': reader(
    (text) => {
      readFields(header(text))
      for (const field of scoreFields) scoreIn(field, text)
    },
    'X-Spam-Status: No, score=',
    'score=',
    '[',
  ),
  'header sections: readFirstFields, readFields, whyAutomatic, authorDomain': reader(
    readHeaderFields,
    'From: ',
    'From: "',
    'From: <',
    'Precedence: ',
    'X-Auto-Response-Suppress: ',
    'a: b\r\n ',
  ),
  'who sent it: whyAutomatic': reader(
    (text) => whyAutomatic(`${text}@x.test`, []),
    'owner-',
    'a-bounces',
  ),
  'signatures: chooseSignatures': reader(
    (text) => chooseSignatures(header(text), 'x.test', 5),
    'DKIM-Signature: ',
    'DKIM-Signature: d=x.test; s=a; h=from:',
    'From: a@x.test\r\nDKIM-Signature: d=x.test; s=a; h=',
  ),
  'names of organisations: organisationOf, aligned, senderName, vouchedBySymbols': reader(
    (text) => {
      readFirstFields(header(text))
      organisationOf(text)
      aligned(text, 'example.org')
      senderName({ address: '192.0.2.1', rdns: text })
      vouchedBySymbols([text])
    },
    'a.',
  ),
  'DSN: parseOriginalRecipient': reader(parseOriginalRecipient, 'rfc822;', 'utf-8;', 'utf-8;\\x{'),
  'reports: writeReport': reader(report),
  'our header fields: receivedField, tagFields': reader((text) => {
    receivedField({
      helo: text,
      address: '192.0.2.1',
      hostname: 'mx.test',
      protocol: 'ESMTP',
      id: 'x',
      date: 'now',
    })
    tagFields({ verdict: 'tag', score: 1, recipients: [text] })
  }),
  'queries of sources: parseQuery': reader(
    (text) => parseQuery(`:keys ${text}`),
    '/*',
    "'",
    '$$',
    '--',
    '::',
    "''",
  ),
  'texts of a policy, tables of Postfix: parsePolicyText, TexthashEntries, RegexpEntries': reader(
    (text) => {
      parsePolicyText(`{${text}`)
      const values = policyMapValues([])
      for (const entries of [new TexthashEntries(values), new RegexpEntries(values)]) {
        entries.add(text, 1)
        entries.end()
        entries.lookUp(text)
      }
    },
  ),
  'files of recipients: parsePolicyLine, PolicyEntries, parseAddressPattern': reader(
    (text) => {
      parsePolicyLine(text)
      parseAddressPattern(text)
      policyFile(text)
    },
    '"',
    "'",
    'a@b.example: ',
    'a@b.example: "',
    'a',
  ),
  'files of aliases: parseAliasLine': reader(
    (text) => {
      parseAliasLine(text)
      aliasFile(text)
    },
    '"',
    'a@b.example: ',
    'a@b.example: [',
    ' ',
    'a',
    ',',
    '#',
    ' #',
  ),
  'answers of judges: readObject, readAnswer of rspamd, of hooks and of spamd': reader(
    (text) => {
      const octets = Buffer.from(text, 'latin1')
      rspamdAnswer(octets)
      hookAnswer(octets)
      spamdAnswer(octets)
    },
    'SPAMD/1.1 0 EX_OK\r\n',
    'SPAMD/1.1 0 EX_OK\r\nSpam: True ; 8.0 / 5.0\r\n\r\nA,',
    '{"score":1,"action":"reject","messages":{"smtp_message":"',
    '{"action":"reject","recipients":{"',
    '{"action":"accept","modifications":[{"type":"addHeader","name":"X","value":"',
    '[',
  ),
  'milters: FrameReader, readReply, readAgreed': textReader(
    (text) => {
      const reader = new FrameReader()
      for (const chunk of [text, ...Array.from(text)]) reader.push(Buffer.from(chunk, 'latin1'))
      for (let next = reader.next(); next !== undefined && !('failed' in next);)
        next = reader.next()
      const data = Buffer.from(text, 'latin1')
      for (const code of 'ymi+') readReply({ code, data })
      readAgreed({ code: 'O', data: Buffer.concat([Buffer.from('\0\0\0\x06'), data]) })
    },
    '\0\0\0\x01c',
    '\0\x0f\0\0',
    '550 5.7.1 %',
    '\0\0\0\0\0\0\0\0\0\0\0\0',
  ),
  'configurations: parseConfig, readYaml': {
    ...textReader((text) => parseConfig(text, 'config.yaml'), 'listen: ', 'listen: [', 'a:\n '),
    longest: lineLength,
  },
  'the configuration’s notation: parseListenAddress, parseServer, parseRange, parseDomainPattern, parseMailAddress, parseDuration, parseSize':
    reader(
      (text) => {
        parseListenAddress(text)
        parseServer(text)
        parseHttpServer(text)
        parseHttpUrl(text)
        parseSpamdServer(text)
        parseMilterServer(text)
        parseRange(text)
        parseDomainPattern(text)
        parseMailAddress(text)
        parseDuration(text)
        parseSize(text)
        inWords(text)
      },
      'smtp://',
      'inet:',
      'unix:/',
      'http://',
      'http+unix:///run/x:/',
      'spamd+unix:///',
      'lmtp+unix:///',
      '[',
      'redis://',
    ),
  'the history: attemptOf, withAddresses, writtenOf, messagesOf, conditionsOf': reader(
    keepAndAsk,
    '<',
    'a@b.test ',
    'a b ',
    '@',
  ),
  'the admin API: Router.find, parseDuration, parsePosition, refuseHost, refuseOrigin': reader(
    (text) => {
      router.find(text)
      parseAdminDuration(text)
      parsePosition(text)
      isLoopbackHost(text)
      refuseHost({ method: 'PUT', host: text, origin: text }, [])
      refuseOrigin({ method: 'PUT', host: text, origin: text })
    },
    '/',
    '/api/v1/peers/',
    '/?',
    '[',
  ),
  'logs of others and our own: LogLines (readPostfix, readExim, readRspamd), TextLines, readRspamdHistory':
    textReader(readLogs, ...logBeginnings),
}
