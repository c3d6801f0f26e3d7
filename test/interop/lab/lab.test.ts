/**
 * The lab itself: do the real mail servers do what the interop tests take for granted?
 *
 *   Exim, Postfix, nullmailer, swaks ─▶ Exim or Postfix as the backend          (no Rcptwise between them)
 *
 * The backends take a@, defer b@ with 450 and refuse c@ with 550 at RCPT; d@ is unknown.
 */
import { describe, expect, test } from 'vitest'
import { interopObstacle } from '../../support/lab/availability.ts'
import { startExim } from '../../support/lab/exim.ts'
import { expectWaiting } from '../../support/lab/fates.ts'
import { startNullmailer } from '../../support/lab/nullmailer.ts'
import { Place } from '../../support/lab/place.ts'
import { startPostfix } from '../../support/lab/postfix.ts'
import { openSwaks } from '../../support/lab/swaks.ts'
import { until } from '../../support/lab/until.ts'

const from = 'sender@client.test'
const host = '127.0.0.1'
const atRcpt = {
  'b@example.org': '450 4.2.1 Mailbox "busy"',
  'c@example.org': '550 5.7.1 No, thanks',
}
const postfixServer = {
  mailboxes: ['a@example.org', 'b@example.org', 'c@example.org', from],
  atRcpt,
  byHeader: { refuse: '5.6.0 Not this', defer: '4.7.1 Not now' },
}

describe.skipIf(interopObstacle() !== undefined)('the lab', () => {
  test.concurrent(
    'Exim delivers, bounces and keeps each recipient as the backend answered',
    async () => {
      await using backend = await startPostfix({ server: postfixServer })
      await using exim = await startExim({ relayTo: { host, port: backend.port } })
      await exim.submit({
        from,
        to: ['a@example.org', 'b@example.org', 'c@example.org', 'd@example.org'],
      })
      await until('the refused have bounced', async () => (await exim.bounces()).length === 2, {
        explain: exim.log,
      })
      expect((await exim.bounces()).map(({ recipient }) => recipient).sort()).toEqual([
        'c@example.org',
        'd@example.org',
      ])
      expect(
        (await exim.bounces()).find(({ recipient }) => recipient === 'c@example.org')?.reply,
      ).toContain('No, thanks')
      await expectWaiting(exim, ['b@example.org'])
      await until('a@ has it', async () => (await backend.mailbox('a@example.org')).length === 1, {
        explain: backend.log,
      })
    },
  )

  test.concurrent('Exim speaks PRDR to Exim: one reply a recipient after the text', async () => {
    const server = {
      mailboxes: ['a@example.org', 'b@example.org', 'c@example.org'],
      prdr: true,
      atDot: atRcpt,
    }
    await using backend = await startExim({ server })
    await using exim = await startExim({ relayTo: { host, port: backend.port } })
    await exim.submit({ from, to: ['a@example.org', 'b@example.org', 'c@example.org'] })
    await until('the refused one has bounced', async () => (await exim.bounces()).length === 1, {
      explain: exim.log,
    })
    // In the log, since the one who was told to wait is offered again within a second, alone and so
    // without PRDR.
    const log = await exim.log()
    expect(log).toMatch(/ => a@example\.org .* PRDR /)
    expect(log).toMatch(/ == b@example\.org .*: PRDR error after .*: 450 4\.2\.1 Mailbox "busy"/)
    expect(log).toMatch(/ \*\* c@example\.org .*: PRDR error after .*: 550 5\.7\.1 No, thanks/)
    await until('a@ has it', async () => (await backend.mailbox('a@example.org')).length === 1, {
      explain: backend.log,
    })
  })

  test.concurrent('Exim without PRDR and without CHUNKING uses neither', async () => {
    await using backend = await startExim({
      server: { mailboxes: ['a@example.org', 'b@example.org'], prdr: true },
    })
    await using exim = await startExim({
      relayTo: { host, port: backend.port },
      prdr: false,
      chunking: false,
    })
    await exim.submit({ from, to: ['a@example.org', 'b@example.org'] })
    await exim.empty()
    expect(await exim.log()).not.toMatch(/ PRDR| K /)
    await until('b@ has it', async () => (await backend.mailbox('b@example.org')).length === 1, {
      explain: backend.log,
    })
  })

  test.concurrent(
    'Exim without PRDR answers the text as its first recipient wants, until told otherwise',
    async () => {
      const server = {
        mailboxes: ['a@example.org', 'b@example.org'],
        atDot: { 'a@example.org': '451 4.7.1 Not now' },
      }
      await using backend = await startExim({ server })
      await using postfix = await startPostfix({ relayTo: { host, port: backend.port } })
      await postfix.submit({ from, to: ['a@example.org'] })
      await postfix.submit({ from, to: ['b@example.org'] })
      await until('b@ has it', async () => (await backend.mailbox('b@example.org')).length === 1, {
        explain: backend.log,
      })
      await until('a@ is deferred', async () => (await postfix.log()).includes('451 4.7.1 Not now'))
      await backend.answer({})
      await postfix.empty()
      await until('a@ has it', async () => (await backend.mailbox('a@example.org')).length === 1, {
        explain: backend.log,
      })
    },
  )

  test.concurrent(
    'Postfix delivers, bounces and keeps each recipient as the backend answered',
    async () => {
      await using backend = await startExim({
        server: { mailboxes: ['a@example.org', 'b@example.org', 'c@example.org'], atRcpt },
      })
      await using postfix = await startPostfix({ relayTo: { host, port: backend.port } })
      await postfix.submit({
        from,
        to: ['a@example.org', 'b@example.org', 'c@example.org', 'd@example.org'],
      })
      await until('the refused have bounced', async () => (await postfix.bounces()).length === 2, {
        explain: postfix.log,
      })
      expect((await postfix.bounces()).map(({ recipient }) => recipient).sort()).toEqual([
        'c@example.org',
        'd@example.org',
      ])
      await expectWaiting(postfix, ['b@example.org'])
      await until('a@ has it', async () => (await backend.mailbox('a@example.org')).length === 1, {
        explain: backend.log,
      })
    },
  )

  test.concurrent('a text that Postfix refuses bounces, one that it defers waits', async () => {
    await using backend = await startPostfix({ server: postfixServer })
    await using postfix = await startPostfix({ relayTo: { host, port: backend.port } })
    await postfix.submit({ from, to: ['a@example.org'], headers: ['X-Lab: refuse'] })
    await until('it has bounced', async () => (await postfix.bounces()).length === 1, {
      explain: postfix.log,
    })
    expect((await postfix.bounces())[0]?.reply).toContain('550 5.6.0 Not this')
    await postfix.submit({ from, to: ['a@example.org'], headers: ['X-Lab: defer'] })
    await until('it waits', async () => (await postfix.log()).includes('451 4.7.1 Not now'), {
      explain: postfix.log,
    })
    await expectWaiting(postfix, ['a@example.org'])
  })

  test.concurrent('smtp-source reaches a mailbox', async () => {
    await using backend = await startPostfix({ server: postfixServer })
    const args = [
      '-m',
      '3',
      '-s',
      '2',
      '-f',
      from,
      '-t',
      'a@example.org',
      `${host}:${backend.port}`,
    ]
    expect(await backend.run('smtp-source', args)).toMatchObject({ code: 0 })
    await until('three arrived', async () => (await backend.mailbox('a@example.org')).length === 3)
  })

  test.concurrent('nullmailer drops the whole message at the first refused recipient', async () => {
    await using backend = await startPostfix({ server: postfixServer })
    await using nullmailer = await startNullmailer({ host, port: backend.port })
    await nullmailer.submit({ from, to: ['a@example.org'] })
    await nullmailer.empty()
    await nullmailer.submit({ from, to: ['a@example.org', 'c@example.org'] })
    await until('it bounced', async () => (await backend.bounces()).length === 2, {
      explain: nullmailer.log,
    })
    await until(
      'a@ has the first',
      async () => (await backend.mailbox('a@example.org')).length === 1,
    )
    expect(await nullmailer.failed()).toHaveLength(1)
    await nullmailer.submit({ from, to: ['a@example.org', 'b@example.org'] })
    await until('it was deferred', async () => (await nullmailer.log()).includes('Failed: 450'))
    expect(await nullmailer.queue()).toHaveLength(1)
  })

  test.concurrent('swaks reports the dialogue and an exit code', async () => {
    await using backend = await startPostfix({ server: postfixServer })
    await using swaks = await openSwaks()
    const server = ['--server', `${host}:${backend.port}`, '--helo', 'swaks.test', '--from', from]
    expect(await swaks.run([...server, '--to', 'a@example.org'])).toMatchObject({ code: 0 })
    const refused = await swaks.run([...server, '--to', 'c@example.org'])
    expect(refused).toMatchObject({ code: 24 })
    expect(refused.transcript).toContain('<** 550 5.7.1')
  })

  test.concurrent.each([
    ['haproxy', '/usr/sbin/haproxy', '-v', 'HAProxy version 2.'],
    ['dnsmasq', '/usr/sbin/dnsmasq', '--version', 'Dnsmasq version 2.'],
  ] as const)('%s runs', async (set, program, flag, says) => {
    await using place = await Place.make(set)
    expect((await place.run(program, [flag])).stdout).toContain(says)
  })
})
