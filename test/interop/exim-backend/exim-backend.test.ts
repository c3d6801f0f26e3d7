/**
 * The backend's own refusals, for single recipients and for the text, reach the client in the
 * backend's words.
 *
 *   swaks (says what it was told), Postfix (queues and bounces) ─▶ Rcptwise ─▶ Exim, with and without PRDR
 */
import { describe, expect, test } from 'vitest'
import { interopObstacle } from '../../support/lab/availability.ts'
import { startExim } from '../../support/lab/exim.ts'
import { expectFates, expectWaiting } from '../../support/lab/fates.ts'
import { startFrontEnd } from '../../support/lab/front-end.ts'
import { fates, mailboxes, mixedMessage, recipients, sender } from '../../support/lab/mixed.ts'
import { startPostfix } from '../../support/lab/postfix.ts'
import { openSwaks } from '../../support/lab/swaks.ts'
import { until } from '../../support/lab/until.ts'

const host = '127.0.0.1'
const server = {
  mailboxes: [...mailboxes, 'busy@example.org', 'closed@example.org'],
  atRcpt: {
    'busy@example.org': '450 4.2.1 Mailbox busy',
    'closed@example.org': '554 5.2.1 Mailbox closed',
  },
  byHeader: { refuse: '550 5.6.0 Not this text', defer: '451 4.7.1 Not this text now' },
}

describe.skipIf(interopObstacle() !== undefined)('Exim as the backend', () => {
  test.concurrent.each([true, false])(
    'swaks hears the words of Exim; the backend offers PRDR: %s',
    async (prdr) => {
      await using backend = await startExim({ server: { ...server, prdr } })
      await using rcptwise = await startFrontEnd({ backend: backend.port, recipients })
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

      const some = await send(
        '--to',
        'nobody@example.org,closed@example.org,tag1@example.org,busy@example.org',
      )
      expect(some.transcript).toContain('<** 550 5.1.1 no such user here\n')
      expect(some.transcript).toContain('<** 554 5.2.1 Mailbox closed\n')
      expect(some.transcript).toContain('<** 450 4.2.1 Mailbox busy\n')
      expect(some).toMatchObject({ code: 0 })

      const refused = await send('--to', 'tag1@example.org', '--add-header', 'X-Lab: refuse')
      expect(refused.transcript).toContain('<** 550 5.6.0 Not this text\n')
      const deferred = await send('--to', 'tag1@example.org', '--add-header', 'X-Lab: defer')
      expect(deferred.transcript).toContain('<** 451 4.7.1 Not this text now\n')
      await backend.empty()
      expect(await backend.mailbox('tag1@example.org')).toHaveLength(1)
    },
  )

  test.concurrent(
    'a refused recipient bounces in the words of Exim, a deferred one gets it in the end',
    async () => {
      await using backend = await startExim({ server })
      await using rcptwise = await startFrontEnd({ backend: backend.port, recipients })
      await using postfix = await startPostfix({ relayTo: { host, port: rcptwise.port } })
      await postfix.submit(
        mixedMessage(3, [...Object.keys(recipients), 'closed@example.org', 'busy@example.org']),
      )
      await expectWaiting(postfix, ['busy@example.org'])
      await backend.answer({})
      await expectFates(postfix, backend, {
        plain: [...(fates[3].plain ?? []), 'busy@example.org'],
        bounced: { 'closed@example.org': '554 5.2.1 Mailbox closed' },
      })
    },
  )

  test.concurrent(
    'a text that Exim defers is not lost: everyone gets it once when it is taken',
    async () => {
      await using backend = await startExim({ server })
      await using rcptwise = await startFrontEnd({ backend: backend.port, recipients })
      await using postfix = await startPostfix({ relayTo: { host, port: rcptwise.port } })
      const message = mixedMessage(3)
      await postfix.submit({ ...message, headers: ['X-Lab: defer'] })
      await until(
        'it was deferred',
        async () => (await postfix.log()).includes('451 4.7.1 Not this text now'),
        {
          explain: postfix.log,
        },
      )
      await backend.answer({})
      await expectFates(postfix, backend, fates[3])
    },
  )
})
