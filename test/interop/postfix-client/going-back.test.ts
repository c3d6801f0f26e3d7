/**
 * Rcptwise is taken away from between a sender and its server, as README says: no new split, wait
 * for the open ones, change the port.
 *
 *   Postfix 3.7 ─▶ Rcptwise ─▶ Postfix 3.7        and then        Postfix 3.7 ─▶ Postfix 3.7
 */
import { describe, expect, test } from 'vitest'
import { interopObstacle } from '../../support/lab/availability.ts'
import { startFrontEnd } from '../../support/lab/front-end.ts'
import { mailboxes, mixedMessage, recipients } from '../../support/lab/mixed.ts'
import { startPostfix } from '../../support/lab/postfix.ts'
import { until } from '../../support/lab/until.ts'

const host = '127.0.0.1'

describe.skipIf(interopObstacle() !== undefined)('going back, with Postfix on both sides', () => {
  test('deploy.md: “Before Rcptwise is taken away for good: run rcptwise strategy set CLASS off for each class, then wait until rcptwise splits shows none.” Nobody has a message twice, or misses one', async () => {
    await using backend = await startPostfix({ server: { mailboxes } })
    await using rcptwise = await startFrontEnd({
      backend: backend.port,
      recipients,
      peer: { strategy: 'late' },
    })
    await using postfix = await startPostfix({ relayTo: { host, port: rcptwise.port } })
    const open = async (): Promise<number> => {
      const answer = await fetch(`${rcptwise.adminUrl}/api/v1/splits`)
      return ((await answer.json()) as { readonly splits: readonly unknown[] }).splits.length
    }
    await postfix.submit({ ...mixedMessage(9.5), subject: 'before' })
    await until('a split is open', async () => (await open()) > 0, { explain: rcptwise.log })

    const order = {
      method: 'PUT',
      headers: { 'content-type': 'application/json' },
      body: '{"strategy":"off"}',
    }
    expect((await fetch(`${rcptwise.adminUrl}/api/v1/peers/default/strategy`, order)).status).toBe(
      200,
    )
    await postfix.submit({ ...mixedMessage(9.5), subject: 'while it is off' })
    await until('no split is open', async () => (await open()) === 0, { explain: rcptwise.log })

    await postfix.run('postconf', ['-e', `relayhost = [${host}]:${backend.port}`])
    await postfix.kill()
    await postfix.restart()
    await rcptwise[Symbol.asyncDispose]()
    await postfix.submit({ ...mixedMessage(9.5), subject: 'without it' })
    await postfix.empty()
    await backend.empty()
    const bounced = (await postfix.bounces()).map(({ recipient }) => recipient)
    for (const address of Object.keys(recipients)) {
      const got = (await backend.mailbox(address)).map(
        (message) => /^Subject: (.*)$/m.exec(message)?.[1],
      )
      const before = got.filter((subject) => subject === 'before').length
      expect(
        before + (bounced.includes(address) ? 1 : 0),
        `${address}: once, or its sender was told`,
      ).toBe(1)
      expect(got.filter((subject) => subject !== 'before').sort(), address).toEqual([
        'while it is off',
        'without it',
      ])
    }
  })
})
