/** What the admin API says while Rcptwise ends, with one process and with workers. */
import { expect, test } from 'vitest'
import { Home } from '../../crash/serve.ts'
import { Client } from '../../support/dialogue.ts'
import { startFakeBackend } from '../../support/fake-backend.ts'
import { until } from '../../support/lab/until.ts'

test.each([1, 2])(
  '%i process(es) that take mail: /readyz says that it is shutting down, until the last session has ended',
  { timeout: 60_000 },
  async (workers) => {
    await using backend = await startFakeBackend()
    await using home = await Home.make()
    const served = await home.serve({ backendUrl: backend.url, workers })
    const client = await Client.connect(served.listeningPort)
    await client.reply()
    for (const line of ['EHLO client.test', 'MAIL FROM:<s@x.test>', 'RCPT TO:<a@example.org>'])
      expect(await client.ask(line)).toMatch(/^250/)
    expect(await client.ask('DATA')).toMatch(/^354/)
    served.signal('SIGTERM')
    await until('it says so', async () => {
      const { status } = await fetch(`${served.adminUrl}/readyz`)
      return status === 503
    })
    const ready: unknown = await (await fetch(`${served.adminUrl}/readyz`)).json()
    expect(ready).toMatchObject({ reasons: expect.arrayContaining(['shutting down']) as unknown })
    client.send('Subject: x\r\n\r\nhello\r\n.\r\n')
    expect((await client.reply()).join()).toMatch(/^250/)
    client.close()
    expect(await served.ending()).toBe(0)
    expect(backend.delivered).toHaveLength(1)
  },
)
