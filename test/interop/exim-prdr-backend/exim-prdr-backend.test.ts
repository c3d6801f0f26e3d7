/**
 * A backend that offers PRDR and has a rule per recipient: one transaction, and each recipient's
 * own answer.
 *
 *   Exim with PRDR, Postfix ─▶ Rcptwise ─(PRDR)▶ Exim 4.96 (prdr_enable, acl_smtp_data_prdr)
 */
import { describe, expect, test } from 'vitest'
import { interopObstacle } from '../../support/lab/availability.ts'
import { type Exim, startExim } from '../../support/lab/exim.ts'
import { expectFates, expectWaiting } from '../../support/lab/fates.ts'
import { startFrontEnd } from '../../support/lab/front-end.ts'
import { mailboxes, recipients, sender } from '../../support/lab/mixed.ts'
import { startPostfix } from '../../support/lab/postfix.ts'
import { until } from '../../support/lab/until.ts'

const host = '127.0.0.1'
const to = Object.keys(recipients)
const atDot = {
  'strict1@example.org': '550 5.7.1 Strictly no',
  'careful1@example.org': '451 4.7.1 Carefully later',
}
const others = to.filter((address) => !(address in atDot))
const startBackend = async (): Promise<Exim> =>
  await startExim({
    server: { mailboxes, prdr: true, atDot, byHeader: { refuse: '550 5.6.0 Not this text' } },
  })
/** How many messages it has taken. */
const taken = async (backend: Exim): Promise<number> =>
  (await backend.log()).match(/ <= \S+@\S+ /g)?.length ?? 0

describe.skipIf(interopObstacle() !== undefined)('Exim with PRDR as the backend', () => {
  test.each([
    ['Rcptwise judges', {}],
    ['Exim judges, for three groups at once', { last_word: 'backend' }],
  ])('a client with PRDR hears each answer; %s', async (_, config) => {
    await using backend = await startBackend()
    await using rcptwise = await startFrontEnd({ backend: backend.port, recipients, config })
    await using exim = await startExim({ relayTo: { host, port: rcptwise.port } })
    await exim.submit({ from: sender, to })
    await until('the strict one has bounced', async () => (await exim.bounces()).length === 1, {
      explain: exim.log,
    })
    await expectWaiting(exim, ['careful1@example.org'])
    expect(await taken(backend)).toBe(1)
    await backend.answer({})
    await expectFates(exim, backend, {
      plain: [...others, 'careful1@example.org'],
      bounced: { 'strict1@example.org': 'Strictly no' },
    })
  })

  test('Postfix comes again: who has it is not given it twice, and each is told in the end', async () => {
    await using backend = await startBackend()
    await using rcptwise = await startFrontEnd({ backend: backend.port })
    await using postfix = await startPostfix({ relayTo: { host, port: rcptwise.port } })
    await postfix.submit({ from: sender, to })
    await until('it came again', () => rcptwise.transactions().length >= 2, {
      explain: rcptwise.log,
    })
    await backend.answer({ atDot: { 'strict1@example.org': atDot['strict1@example.org'] } })
    await expectFates(postfix, backend, {
      plain: [...others, 'careful1@example.org'],
      bounced: { 'strict1@example.org': 'Strictly no' },
    })
  })

  test('a text that Exim refuses behind its rules per recipient is refused for all', async () => {
    await using backend = await startBackend()
    await backend.answer({ byHeader: { refuse: '550 5.6.0 Not this text' } })
    await using rcptwise = await startFrontEnd({ backend: backend.port })
    await using exim = await startExim({ relayTo: { host, port: rcptwise.port } })
    const pair = ['strict1@example.org', 'tag1@example.org']
    await exim.submit({ from: sender, to: pair, headers: ['X-Lab: refuse'] })
    await expectFates(exim, backend, {
      bounced: Object.fromEntries(pair.map((address) => [address, '550 5.6.0 Not this text'])),
    })
  })
})
