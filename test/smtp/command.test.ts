import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { commandTable } from '../../src/smtp/command-table.ts'
import { parseCommand } from '../../src/smtp/command.ts'
import { runs } from '../support/properties.ts'

describe('parseCommand', () => {
  test.each([
    ['EHLO client.test', { verb: 'EHLO', domain: 'client.test' }],
    ['ehlo [192.0.2.1]', { verb: 'EHLO', domain: '[192.0.2.1]' }],
    ['HELO  client ', { verb: 'HELO', domain: 'client' }],
    ['EHLO', { verb: 'malformed', name: 'EHLO', problem: 'domain' }],
    ['EHLO two words', { verb: 'EHLO', domain: 'two words' }],
    ['EHLO\tclient.test\t', { verb: 'EHLO', domain: 'client.test' }],
    ['HELO two\twords', { verb: 'HELO', domain: 'two words' }],
    ['EHLO voil\xc3\xa0', { verb: 'EHLO', domain: 'voil\xc3\xa0' }],
    ['EHLO a\x07b', { verb: 'malformed', name: 'EHLO', problem: 'domain' }],
    ['HELO', { verb: 'malformed', name: 'HELO', problem: 'domain' }],
    ['DATA', { verb: 'DATA' }],
    ['data ', { verb: 'DATA' }],
    ['DATA now', { verb: 'malformed', name: 'DATA', problem: 'argument' }],
    ['RSET', { verb: 'RSET' }],
    ['RSET x', { verb: 'malformed', name: 'RSET', problem: 'argument' }],
    ['QUIT', { verb: 'QUIT' }],
    ['QUIT now', { verb: 'QUIT' }],
    ['STARTTLS', { verb: 'STARTTLS' }],
    ['STARTTLS x', { verb: 'malformed', name: 'STARTTLS', problem: 'argument' }],
    ['BDAT 100', { verb: 'BDAT', size: 100, last: false }],
    ['bdat 0 last', { verb: 'BDAT', size: 0, last: true }],
    ['BDAT', { verb: 'malformed', name: 'BDAT', problem: 'argument' }],
    ['BDAT -1', { verb: 'malformed', name: 'BDAT', problem: 'argument' }],
    ['BDAT 1e3', { verb: 'malformed', name: 'BDAT', problem: 'argument' }],
    ['BDAT 0x10', { verb: 'malformed', name: 'BDAT', problem: 'argument' }],
    ['BDAT 10 FIRST', { verb: 'malformed', name: 'BDAT', problem: 'argument' }],
    ['BDAT 10 LAST LAST', { verb: 'malformed', name: 'BDAT', problem: 'argument' }],
    ['BDAT 9999999999999999', { verb: 'malformed', name: 'BDAT', problem: 'argument' }],
    ['NOOP', { verb: 'NOOP', argument: '' }],
    ['noop anything at all', { verb: 'NOOP', argument: 'anything at all' }],
    ['HELP MAIL', { verb: 'HELP', argument: 'MAIL' }],
    ['VRFY user', { verb: 'VRFY', argument: 'user' }],
    ['EXPN list', { verb: 'EXPN', argument: 'list' }],
    ['AUTH PLAIN AGFiYwBkZWY=', { verb: 'AUTH', mechanism: 'PLAIN', initial: 'AGFiYwBkZWY=' }],
    ['auth scram-sha-256', { verb: 'AUTH', mechanism: 'SCRAM-SHA-256' }],
    ['AUTH PLAIN =', { verb: 'AUTH', mechanism: 'PLAIN', initial: '=' }],
    ['AUTH PLAIN a b', { verb: 'AUTH', mechanism: '' }],
    ['AUTH', { verb: 'AUTH', mechanism: '' }],
    ['XCLIENT ADDR=192.0.2.1', { verb: 'XCLIENT', argument: 'ADDR=192.0.2.1' }],
    ['LHLO client', { verb: 'unimplemented', name: 'LHLO' }],
    ['GET / HTTP/1.1', { verb: 'foreign', name: 'GET' }],
    ['post / http/1.1', { verb: 'foreign', name: 'POST' }],
    ['Host: example.org', { verb: 'foreign', name: 'HOST:' }],
    ['', { verb: 'unknown', name: '' }],
    [' QUIT', { verb: 'unknown', name: '' }],
    ['QUIT\t', { verb: 'QUIT' }],
    ['RSET \t', { verb: 'RSET' }],
    ['BDAT\t10\tLAST', { verb: 'BDAT', size: 10, last: true }],
    ['AUTH\tPLAIN\t=', { verb: 'AUTH', mechanism: 'PLAIN', initial: '=' }],
    ['MAIL', { verb: 'malformed', name: 'MAIL', problem: 'argument' }],
    ['MAIL TO:<a@b.test>', { verb: 'malformed', name: 'MAIL', problem: 'argument' }],
    ['MAILFROM:<a@b.test>', { verb: 'unknown', name: 'MAILFROM:<A@B.TEST>' }],
    ['MAIL FROM:<a@b.test', { verb: 'malformed', name: 'MAIL', problem: 'path' }],
    ['MAIL FROM:<a@b.test> =x', { verb: 'malformed', name: 'MAIL', problem: 'parameters' }],
    [
      'MAIL FROM:<a@b.test> SIZE=1 SIZE=2',
      { verb: 'malformed', name: 'MAIL', problem: 'parameters' },
    ],
    ['MAIL FROM:<a@b.test>SIZE=1', { verb: 'malformed', name: 'MAIL', problem: 'path' }],
    ['RCPT TO:<root>', { verb: 'malformed', name: 'RCPT', problem: 'path' }],
    ['RCPT TO:root', { verb: 'malformed', name: 'RCPT', problem: 'path' }],
    ['RCPT TO:<>', { verb: 'malformed', name: 'RCPT', problem: 'path' }],
    ['RCPT TO:', { verb: 'malformed', name: 'RCPT', problem: 'path' }],
    ['RCPT FROM:<a@b.test>', { verb: 'malformed', name: 'RCPT', problem: 'argument' }],
  ] as const)('%s', (line, command) => expect(parseCommand(line)).toEqual(command))

  test('MAIL and RCPT carry path and parameters', () => {
    expect(parseCommand('mail from:<A@B.test> size=10 Body=8bitmime PRDR')).toMatchObject({
      verb: 'MAIL',
      path: { mailbox: 'A@B.test' },
      parameters: new Map([
        ['SIZE', '10'],
        ['BODY', '8bitmime'],
        ['PRDR', undefined],
      ]),
    })
    expect(parseCommand('MAIL FROM: <>')).toMatchObject({ verb: 'MAIL', path: { mailbox: '' } })
    expect(parseCommand('MAIL\tFROM:\t<a@b.test>\tSIZE=1\t BODY=8BITMIME ')).toMatchObject({
      path: { mailbox: 'a@b.test' },
      parameters: new Map([
        ['SIZE', '1'],
        ['BODY', '8BITMIME'],
      ]),
    })
    for (const form of ['<root>', 'root'])
      expect(parseCommand(`MAIL FROM:${form}`)).toMatchObject({
        path: { mailbox: 'root', address: 'root', domain: '' },
      })
    expect(parseCommand('RCPT TO:<Postmaster> NOTIFY=NEVER')).toMatchObject({
      verb: 'RCPT',
      path: { mailbox: 'Postmaster', domain: '' },
      parameters: new Map([['NOTIFY', 'NEVER']]),
    })
  })

  test('never throws, and every verb has its row in the table', () => {
    const verbs = ['EHLO', 'MAIL FROM:', 'RCPT TO:', 'BDAT', 'DATA', 'XCLIENT', 'GET', 'NOOP', '']
    const line = fc
      .tuple(fc.constantFrom(...verbs), fc.string({ unit: 'binary', maxLength: 60 }))
      .map((parts) => parts.join(' '))
    fc.assert(
      fc.property(line, (text) => {
        expect(commandTable[parseCommand(text).verb]).toBeDefined()
      }),
      { numRuns: runs(2000) },
    )
  })
})
