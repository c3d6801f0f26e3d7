/**
 * The example filter of docs/judges.md, word for word, between real clients and a real server.
 *
 *   Exim, swaks ─▶ Rcptwise ─▶ Postfix
 *                     └─(HTTP)▶ the filter
 */
import { describe, expect, test } from 'vitest'
import { interopObstacle } from '../../support/lab/availability.ts'
import { startExim } from '../../support/lab/exim.ts'
import { expectFates } from '../../support/lab/fates.ts'
import { type FrontEnd, startFrontEnd } from '../../support/lab/front-end.ts'
import { filterText, startFilter } from '../../support/lab/hook-filter.ts'
import { startPostfix } from '../../support/lab/postfix.ts'
import { openSwaks } from '../../support/lab/swaks.ts'

const host = '127.0.0.1'
const mailboxes = ['ann@example.org', 'bob@example.org', 'cat@example.org', 'sender@client.test']
const to = mailboxes.slice(0, 3)

const frontEnd = async (backend: number, url: string, strategy = 'auto'): Promise<FrontEnd> =>
  await startFrontEnd({
    backend,
    peer: { strategy },
    config: { judges: [{ hook: { url, protocol: 'stalwart' } }] },
  })

describe.skipIf(interopObstacle() !== undefined)('the example filter of judges.md', () => {
  test('it has ten lines at most', async () => {
    const lines = (await filterText()).trim().split('\n').length
    expect(lines).toBeGreaterThan(5)
    expect(lines).toBeLessThanOrEqual(10)
  })

  test.concurrent('Exim with PRDR: Ann refuses the offer, the others get it', async () => {
    await using filter = await startFilter()
    await using backend = await startPostfix({ server: { mailboxes } })
    await using rcptwise = await frontEnd(backend.port, filter.url)
    await using exim = await startExim({ relayTo: { host, port: rcptwise.port } })
    await exim.submit({ from: 'sender@client.test', to, body: 'A special offer for you' })
    await expectFates(exim, backend, {
      plain: ['bob@example.org', 'cat@example.org'],
      bounced: { 'ann@example.org': '5.7.1 No special offers for me' },
    })
  })

  test.concurrent.each(['hello', 'A special offer for you'])(
    'swaks, to Ann alone: %s',
    async (body) => {
      await using filter = await startFilter()
      await using backend = await startPostfix({ server: { mailboxes } })
      await using rcptwise = await frontEnd(backend.port, filter.url)
      await using swaks = await openSwaks()
      const { transcript } = await swaks.run([
        ...['--server', `${host}:${rcptwise.port}`, '--from', 'sender@client.test'],
        ...['--to', 'ann@example.org', '--body', body],
      ])
      expect(transcript).toMatch(
        body === 'hello' ? /<- {2}250 2\.0\.0 / : /<\*\* 550 5\.7\.1 No special offers for me/,
      )
    },
  )
})
