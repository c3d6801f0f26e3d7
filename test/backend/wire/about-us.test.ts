/**
 * Which refusals are about the message, and which about us or the server's setup: what real servers
 * say, and what always holds.
 */
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import {
  type Circumstances,
  isAboutUs,
  type RefusedStep,
} from '../../../src/backend/wire/about-us.ts'
import type { Reply } from '../../../src/smtp/reply.ts'

const seen = { address: '10.0.0.1', helo: 'mx.example.org' }
const told: Circumstances = { step: 'rcpt', parameters: false, login: 'none', clear: false }
const usual: Circumstances = { ...told, seen }
const read = (said: string): Reply => ({ code: Number(said.slice(0, 3)), lines: [said.slice(4)] })
const about = (said: string, change: Partial<Circumstances> = {}): boolean =>
  isAboutUs(read(said), { ...usual, ...change })

const envelope: readonly RefusedStep[] = ['mail', 'rcpt']
const steps: readonly RefusedStep[] = ['mail', 'rcpt', 'data', 'text']

describe('about us or the setup', () => {
  test.each([
    '530 5.7.0 Must issue a STARTTLS command first', // Postfix, sendmail
    '530 5.7.0 Authentication required', // sendmail
    '530 5.7.1 Client was not authenticated', // Exchange
    '530 5.7.57 Client not authenticated to send mail', // Exchange Online
    '530 Authentication required', // Exim
    '535 5.7.8 Error: authentication failed',
    '535 5.7.3 Authentication unsuccessful',
    '538 5.7.11 Encryption required for requested authentication mechanism',
    '523 5.7.10 Encryption needed',
    '550 5.7.8 Authentication credentials invalid',
    '502 5.5.2 Error: command not recognized', // Postfix
    '502 5.5.1 Command not implemented',
    '503 5.5.1 Error: send HELO/EHLO first', // Postfix
    '503 5.5.1 Error: nested MAIL command',
    '503 5.0.0 Polite people say HELO first', // sendmail
    '503 sender not yet given', // Exim
    '503 5.5.2 Send hello first', // Exchange
    '504 5.5.4 Command parameter not implemented',
    '521 5.3.2 Server does not accept mail',
    '521 mail.example.org does not accept mail',
    '550 5.3.5 System incorrectly configured',
    '550 5.3.2 STOREDRV.Deliver; not accepting messages',
  ])('%s, at MAIL, RCPT, DATA and behind the dot', (said) => {
    for (const step of steps) expect(about(said, { step }), step).toBe(true)
  })

  test.each([
    '500 5.5.1 Command unrecognized: "RCPT"',
    '500 unrecognized command',
    '501 5.5.4 Syntax: RCPT TO:<address>',
  ])('%s, at MAIL, RCPT and DATA', (said) => {
    for (const step of [...envelope, 'data'] as const)
      expect(about(said, { step }), step).toBe(true)
  })

  test.each([
    '554 5.5.1 Error: no valid recipients',
    '503 valid RCPT command must precede DATA',
    '501 DATA takes no arguments',
  ])('%s, at DATA, though there are recipients', (said) =>
    expect(about(said, { step: 'data' })).toBe(true),
  )

  test.each([
    '554 5.7.1 <unknown[10.0.0.1]>: Client host rejected: Access denied', // Postfix
    '550 5.7.25 Client host rejected: cannot find your hostname, [10.0.0.1]',
    '554 5.7.1 Service unavailable; Client host [10.0.0.1] blocked using zen.example',
    '550 rejected because 10.0.0.1 is in a black list at zen.example', // Exim
    '550 5.7.1 Fix reverse DNS for 10.0.0.1', // sendmail
    '504 5.5.2 <mx.example.org>: Helo command rejected: need fully-qualified hostname', // Postfix
    '550 5.7.1 <mx.example.org>: Helo command rejected: Access denied',
    '550 5.7.23 <s@example.net>: Recipient address rejected: Message rejected due to: SPF fail - not authorized',
  ])(
    '%s, where the server sees us; where it is told the client, it is about the client',
    (said) => {
      for (const step of envelope) expect(about(said, { step })).toBe(true)
      expect(isAboutUs(read(said), told)).toBe(false)
    },
  )
})

describe('about the message', () => {
  test.each([
    '550 5.1.1 <nobody@example.org>: Recipient address rejected: User unknown',
    '550 Unknown user', // Exim
    '550 5.5.0 Requested action not taken: mailbox unavailable', // Outlook.com
    '501 5.1.3 Bad recipient address syntax', // Postfix
    '501 5.1.7 Bad sender address syntax',
    '501 <a@b@c>: malformed address: @c may not follow a@b', // Exim
    '504 5.5.2 <root>: Sender address rejected: need fully-qualified address', // Postfix
    '530 5.1.1 no such user',
    '554 5.7.1 <x@elsewhere.test>: Relay access denied',
    '550 5.7.1 Message rejected as spam',
    '521 5.7.1 Your message looks like spam',
    '550 5.7.26 Unauthenticated mail is prohibited',
    '552 5.2.2 Mailbox is full',
    '552 5.3.4 Message size exceeds fixed limit',
    '552 5.5.3 Too many recipients',
    '553 5.1.8 Domain of sender does not exist',
    '554 5.6.0 Message contains a virus',
    '556 5.1.10 Recipient address has null MX',
    '550 5.4.6 Mail is looping',
    '571 Delivery not authorized',
    // the client has written that
    '554 5.7.1 <s@[10.0.0.1]>: Sender address rejected: Access denied',
    '554 5.7.1 <s@mx.example.org>: Sender address rejected: Access denied',
    '550 5.7.1 rejected: 110.0.0.1 is listed',
    '550 5.7.1 rejected: 10.0.0.12 is listed',
    '550 5.1.1 <x@example.org>: unknown, asked from 10.0.0.1',
  ])('%s', (said) => {
    for (const step of envelope) expect(about(said, { step }), step).toBe(false)
  })

  test.each([
    '500 Line too long',
    '500 5.6.0 Line too long',
    '550 5.7.1 spam',
    '554 Transaction failed',
    '550 5.6.0 bad content',
  ])('%s, behind the dot', (said) => expect(about(said, { step: 'text' })).toBe(false))

  test.each([
    '501 5.5.4 Invalid ORCPT',
    '555 5.5.4 Unsupported option: XYZ=1',
    '555 parameters not recognized',
    '504 5.5.4 no',
  ])('%s, when the client has written parameters; about us when it has not', (said) => {
    expect(about(said, { parameters: true })).toBe(false)
    expect(about(said)).toBe(true)
  })
})

describe('where clients may say AUTH', () => {
  test.each([
    '530 5.7.0 Authentication required',
    '535 5.7.8 authentication expired',
    '550 5.7.8 credentials invalid',
  ])('%s is theirs to hear', (said) => {
    expect(about(said, { login: 'possible' })).toBe(false)
    expect(about(said, { login: 'done' })).toBe(false)
  })

  test('unless STARTTLS is offered to us, and we are in clear', () => {
    for (const login of ['possible', 'done'] as const)
      expect(about('530 5.7.0 Must issue a STARTTLS command first', { login, clear: true })).toBe(
        true,
      )
  })

  test.each([
    ['535 5.7.8 Error: authentication failed', false],
    ['534 5.7.9 Please log in with your web browser first', false],
    ['501 5.5.2 cannot decode response', false],
    ['550 5.7.1 not for you', false],
    ['500 5.5.1 what?', true],
    ['502 5.5.1 not implemented', true],
    ['503 5.5.1 Error: authentication not enabled', true], // Postfix
    ['504 5.5.4 Unrecognized authentication type', true],
    ['530 5.7.0 Must issue a STARTTLS command first', true],
    ['538 5.7.11 Encryption required', true],
  ])('to AUTH itself %s: about us %s', (said, us) => {
    expect(about(said, { step: 'auth', login: 'possible', parameters: true })).toBe(us)
  })
})

const circumstances = fc.record({
  step: fc.constantFrom<RefusedStep>('mail', 'rcpt', 'data', 'text'),
  parameters: fc.boolean(),
  login: fc.constantFrom('none', 'possible', 'done'),
  clear: fc.boolean(),
}) as fc.Arbitrary<Circumstances>

test('yes and not now are never about us, whatever they say', () => {
  fc.assert(
    fc.property(
      fc.integer({ min: 200, max: 499 }),
      fc.string(),
      circumstances,
      (code, text, around) => {
        expect(isAboutUs({ code, lines: [text] }, { ...around, seen })).toBe(false)
      },
    ),
  )
})

test('an address, a mailbox or content is never about us, whatever the code', () => {
  const status = fc.tuple(fc.constantFrom('1', '2', '6'), fc.integer({ min: 0, max: 999 }))
  fc.assert(
    fc.property(
      fc.integer({ min: 500, max: 599 }),
      status,
      fc.string(),
      circumstances,
      (code, [area, detail], text, around) => {
        expect(
          isAboutUs({ code, lines: [`5.${area}.${detail} 10.0.0.1 ${text}`] }, { ...around, seen }),
        ).toBe(false)
      },
    ),
  )
})
