/**
 * A server behind that is set up wrongly refuses everything, and bounces nothing: the sender keeps
 * its mail.
 *
 *   a client of ours ─▶ Rcptwise ─▶ Postfix, set up wrongly
 *   Postfix as a sender ─▶ the same
 */
import { describe, expect, test } from 'vitest'
import { issue } from '../../../src/tls/issue.ts'
import { Client } from '../../support/dialogue.ts'
import { interopObstacle } from '../../support/lab/availability.ts'
import { startFrontEnd } from '../../support/lab/front-end.ts'
import { startPostfix } from '../../support/lab/postfix.ts'
import type { PostfixServer } from '../../support/lab/postfix-config.ts'
import { until } from '../../support/lab/until.ts'

const host = '127.0.0.1'
const mailboxes = ['ann@example.org', 'bob@example.org']
const day = 86_400_000
const certificate = await issue({
  commonName: 'mail.test',
  use: 'server',
  names: ['mail.test'],
  notBefore: Date.now() - day,
  notAfter: Date.now() + day,
  keyBits: 2048,
})

interface Wrong {
  readonly name: string
  /** What the server says of it. */
  readonly says: RegExp
  readonly main: readonly string[]
  readonly server?: PostfixServer
  readonly hostname?: string
}

const wrong: readonly Wrong[] = [
  {
    name: 'it wants TLS, and backend.tls is off',
    says: /^530 5\.7\.0 Must issue a STARTTLS command first/,
    main: ['smtpd_tls_security_level = encrypt'],
    server: { certificate },
  },
  {
    name: 'the port is the one for submission',
    says: /^554 5\.7\.1 <unknown\[127\.0\.0\.1\]>: Client host rejected: Access denied/,
    main: ['smtpd_client_restrictions = reject'],
  },
  {
    name: 'it takes no mail from here, with 521',
    says: /^521 5\.7\.1 <unknown\[127\.0\.0\.1\]>: Client host rejected: go away/,
    main: ['smtpd_client_restrictions = check_client_access static:{521 go away}'],
  },
  {
    name: 'it looks for our name in the DNS',
    says: /^550 5\.7\.25 Client host rejected: cannot find your hostname, \[127\.0\.0\.1\]/,
    main: [
      'smtpd_client_restrictions = reject_unknown_client_hostname',
      'unknown_client_reject_code = 550',
    ],
  },
  {
    name: 'our hostname is no full name',
    says: /^504 5\.5\.2 <mx>: Helo command rejected: need fully-qualified hostname/,
    main: ['smtpd_helo_restrictions = reject_non_fqdn_helo_hostname'],
    hostname: 'mx',
  },
]

/** The last thing that is said to an envelope: to MAIL when that is refused, else to RCPT. */
async function envelope(port: number, helo: string): Promise<string> {
  const client = await Client.connect(port)
  try {
    await client.reply()
    await client.ask(`EHLO ${helo}`)
    const mail = await client.ask('MAIL FROM:<s@client.test>')
    return mail.startsWith('250') ? await client.ask('RCPT TO:<ann@example.org>') : mail
  } finally {
    client.close()
  }
}

describe.skipIf(interopObstacle() !== undefined)('a Postfix that refuses Rcptwise', () => {
  test.concurrent.each(wrong)(
    '$name: the client is told 451, and nothing bounces',
    async ({ says, main, server = {}, hostname = 'mx.example.org' }) => {
      await using backend = await startPostfix({ server: { mailboxes, ...server }, main })
      expect(await envelope(backend.port, hostname)).toMatch(says)
      const servers = [`smtp://${host}:${backend.port}`]
      const config = { hostname, backend: { servers, tls: 'off' } }
      await using rcptwise = await startFrontEnd({ backend: backend.port, config })
      expect(await envelope(rcptwise.port, 'client.test')).toMatch(/^451 4\.3\.5 /)
      expect(await rcptwise.metric('rcptwise_backend_setup_refusals_total')).toBe(1)

      await using postfix = await startPostfix({ relayTo: { host, port: rcptwise.port } })
      await postfix.submit({ from: 'sender@client.test', to: mailboxes })
      await until('it came again', () => rcptwise.transactions().length >= 3, {
        explain: postfix.log,
      })
      expect((await postfix.queue()).flatMap(({ waiting }) => waiting).sort()).toEqual(mailboxes)
      expect(await postfix.bounces()).toEqual([])
    },
  )
})
