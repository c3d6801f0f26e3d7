/** What each command is answered in an ordinary session, on a real socket. */
import { describe, expect, test } from 'vitest'
import { Client, play } from '../support/dialogue.ts'
import { open, start, untilEnd } from '../support/session.ts'

describe('an ordinary session', () => {
  test('the verbs that need no transaction', async () => {
    await using app = await start()
    await play(
      app.port,
      `
      S: 220 mx.test ESMTP Rcptwise
      C: NOOP
      S: 250 2.0.0 OK
      C: HELO client.test
      S: 250 mx.test
      C: noop whatever
      S: 250 2.0.0 OK
      C: HELP
      S: 214 2.0.0 *
      C: VRFY someone
      S: 252 2.5.2 *
      C: EXPN list
      S: 502 5.5.1 *
      C: RSET
      S: 250 2.0.0 Reset
      C: AUTH PLAIN AAAA
      S: 502 5.5.1 *
      C: FOO bar
      S: 500 5.5.2 *
      C:
      S: 500 5.5.2 *
      C: MAIL FROM:<a@example.net> SIZE=10
      S: 555 5.5.4 SIZE was not offered here
      C: MAIL FROM:<a@example.net>
      S: 250 2.1.0 *
      C: MAIL FROM:<b@example.net>
      S: 503 5.5.1 *
      C: RSET
      S: 250 2.0.0 Reset
      C: RCPT TO:<a@example.org>
      S: 503 5.5.1 Need MAIL first
      C: DATA
      S: 503 5.5.1 Need MAIL first
      C: QUIT
      S: 221 2.0.0 Bye
      S: <end>
      `,
    )
  })

  test('a message after HELO, with the null reverse-path and postmaster', async () => {
    await using app = await start()
    await play(
      app.port,
      `
      S: 220 *
      C: HELO client.test
      S: 250 mx.test
      C: MAIL FROM:<>
      S: 250 2.1.0 *
      C: RCPT TO:<postmaster>
      S: 250 2.1.5 *
      C: DATA
      S: 354 *
      C: Subject: hello
      C:
      C: ..a line with a dot
      C: .
      S: 250 2.0.0 *
      C: MAIL FROM:<another@example.net>
      S: 250 2.1.0 *
      C: QUIT
      S: 221 2.0.0 Bye
      S: <end>
      `,
    )
    const [mail = ''] = await app.mail('postmaster')
    expect(mail).toMatch(/^Return-Path: <>\r\n/)
    expect(mail).toMatch(/with SMTP id /)
    expect(mail.endsWith('Subject: hello\r\n\r\n.a line with a dot\r\n')).toBe(true)
  })

  test('EHLO offers GREYLIST only where it is configured', async () => {
    await using app = await start({
      config: 'ehlo: { greylist: false, chunking: true, limits_rcpt_max: 50 }',
    })
    const client = await Client.connect(app.port)
    await client.reply()
    const lines = (await client.ask('EHLO client.test')).split('\n').map((line) => line.slice(4))
    client.close()
    expect(lines).toEqual(expect.arrayContaining(['CHUNKING', 'LIMITS RCPTMAX=50', 'PRDR']))
    expect(lines).not.toContain('GREYLIST')
  })

  test.each([
    ['HTTP', 'GET / HTTP/1.1\r\nHost: x\r\n\r\n', '521 5.5.2'],
    ['HTTP that posts', 'POST /x HTTP/1.1\r\nContent-Length: 5\r\n\r\nHELO ', '521 5.5.2'],
    ['a command that ends with LF', 'NOOP\nNOOP\r\n', '521 5.5.2'],
    ['a bare CR in a command', 'NOOP\rQUIT\r\n', '521 5.5.2'],
    ['NUL in a command', 'NO\0OP\r\n', '521 5.5.2'],
    ['a TLS handshake in clear', '\x16\x03\x01\x02\x00\x01\n', '521 5.5.2'],
  ])('%s ends the session', async (_name, octets, reply) => {
    await using app = await start()
    const client = await open(app.port)
    client.send(octets)
    const lines = await untilEnd(client)
    client.close()
    expect(lines).toHaveLength(1)
    expect(lines[0]?.startsWith(reply)).toBe(true)
  })
})
