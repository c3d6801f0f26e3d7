/**
 * The backend's own refusals, for single recipients and for the text, reach the client in the
 * backend's words.
 *
 *   swaks (says what it was told), Exim (queues and bounces) ─▶ Rcptwise ─▶ Postfix with header_checks and access maps
 */
import { describe, expect, test } from 'vitest'
import { interopObstacle } from '../../support/lab/availability.ts'
import { startExim } from '../../support/lab/exim.ts'
import { expectFates, expectWaiting } from '../../support/lab/fates.ts'
import { startFrontEnd } from '../../support/lab/front-end.ts'
import { mailboxes, mixedMessage, recipients, sender } from '../../support/lab/mixed.ts'
import { startPostfix } from '../../support/lab/postfix.ts'
import { openSwaks } from '../../support/lab/swaks.ts'

const host = '127.0.0.1'
const server = {
  mailboxes: [...mailboxes, 'busy@example.org'],
  atRcpt: { 'busy@example.org': '450 4.2.1 Mailbox busy' },
  byHeader: { refuse: '5.6.0 Not this text', defer: '4.7.1 Not this text now' },
}
const unknown =
  '550 5.1.1 <nobody@example.org>: Recipient address rejected: User unknown in virtual mailbox table'
const busy = '450 4.2.1 <busy@example.org>: Recipient address rejected: Mailbox busy'

describe.skipIf(interopObstacle() !== undefined)('Postfix as the backend', () => {
  test.concurrent.each(['group', 'single'])(
    "strategy %s, swaks hears the words of Postfix: README.md: “Postfix's reply is the verdict for that group.”",
    async (strategy) => {
      await using backend = await startPostfix({ server })
      await using rcptwise = await startFrontEnd({
        backend: backend.port,
        recipients,
        peer: { strategy },
      })
      await using swaks = await openSwaks()
      const basics = [
        '--server',
        `${host}:${rcptwise.port}`,
        '--helo',
        'swaks.test',
        '--from',
        sender,
      ]
      const send = async (...args: string[]) => await swaks.run([...basics, ...args])

      const some = await send('--to', 'nobody@example.org,tag1@example.org,busy@example.org')
      expect(some.transcript).toContain(`<** ${unknown}\n`)
      expect(some.transcript).toContain(`<** ${busy}\n`)
      expect(some).toMatchObject({ code: 0 })
      expect(await send('--to', 'nobody@example.org')).toMatchObject({ code: 24 })

      const refused = await send('--to', 'tag1@example.org', '--add-header', 'X-Lab: refuse')
      expect(refused.transcript).toContain('<** 550 5.6.0 Not this text\n')
      expect(refused).toMatchObject({ code: 26 })
      const deferred = await send('--to', 'tag1@example.org', '--add-header', 'X-Lab: defer')
      expect(deferred.transcript).toContain('<** 451 4.7.1 Not this text now\n')
      expect(deferred).toMatchObject({ code: 26 })

      await backend.empty()
      expect(await backend.mailbox('tag1@example.org')).toHaveLength(1)
      expect(await rcptwise.metric('rcptwise_forced_retries_total')).toBe(0)
    },
  )

  test.concurrent.each([true, false])(
    'every recipient of a refused text bounces once, in the words of Postfix; PRDR: %s',
    async (prdr) => {
      await using backend = await startPostfix({ server })
      await using rcptwise = await startFrontEnd({ backend: backend.port, recipients })
      await using exim = await startExim({ relayTo: { host, port: rcptwise.port }, prdr })
      const to = [...Object.keys(recipients), 'nobody@example.org']
      await exim.submit({ ...mixedMessage(3, to), headers: ['X-Lab: refuse'] })
      const bounced = Object.fromEntries(to.map((address) => [address, '550 5.6.0 Not this text']))
      await expectFates(exim, backend, { bounced: { ...bounced, 'nobody@example.org': unknown } })
    },
  )

  test.concurrent.each([true, false])(
    'a deferred recipient keeps waiting, the others have theirs; PRDR: %s',
    async (prdr) => {
      await using backend = await startPostfix({ server })
      await using rcptwise = await startFrontEnd({ backend: backend.port, recipients })
      await using exim = await startExim({ relayTo: { host, port: rcptwise.port }, prdr })
      await exim.submit(mixedMessage(3, [...Object.keys(recipients), 'busy@example.org']))
      await expectWaiting(exim, ['busy@example.org'])
      await backend.empty()
      for (const address of Object.keys(recipients))
        expect(await backend.mailbox(address)).toHaveLength(1)
      expect(await exim.log()).toContain(busy)
      expect(await exim.bounces()).toEqual([])
    },
  )
})
