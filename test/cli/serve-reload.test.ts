/**
 * `rcptwise serve` with two workers takes changed configurations into use while a sender goes on
 * sending.
 */
import { readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { senderOf } from '../crash/sender.ts'
import { Home } from '../crash/serve.ts'
import { Client } from '../support/dialogue.ts'
import { startFakeBackend } from '../support/fake-backend.ts'
import { until } from '../support/lab/until.ts'

test(
  'SIGHUP: no message fails meanwhile; a mistake is told with its line, and the old one stays',
  { timeout: 90_000 },
  async () => {
    await using backend = await startFakeBackend()
    await using home = await Home.make()
    const served = await home.serve({ backendUrl: backend.url, workers: 2 })
    const file = join(home.directory, 'config.yaml')
    const text = await readFile(file, 'utf8')
    const greeting = async (): Promise<string> => {
      const client = await Client.connect(served.listeningPort)
      const said = (await client.reply()).join()
      client.close()
      return said
    }
    let sending = true
    let sent = 0
    const loop = (async (): Promise<void> => {
      for (; sending; sent++) {
        const sender = senderOf({
          from: 's@x.test',
          to: ['a@example.org'],
          text: `Subject: ${sent}\r\n\r\nhello\r\n`,
        })
        await sender.attempt(served.listeningPort)
        expect(sender.open()).toEqual([])
      }
    })()
    for (let round = 1; round <= 3; round++) {
      await writeFile(file, text.replace('hostname: mx.test', `hostname: mx${round}.test`))
      served.signal('SIGHUP')
      await until('it is in use', async () => (await greeting()).includes(`mx${round}.test`), {
        explain: () => served.output,
      })
    }
    await writeFile(file, `${text}\nhostnam: x\n`)
    served.signal('SIGHUP')
    await until('the mistake is told', () => served.events('configKept').length > 0, {
      explain: () => served.output,
    })
    expect(served.events('configKept')[0]?.['why']).toEqual([
      expect.stringMatching(/config\.yaml:\d+:\d+: hostnam/),
    ])
    expect(await greeting()).toContain('mx3.test')
    sending = false
    await loop
    expect(backend.delivered).toHaveLength(sent)
    served.signal('SIGTERM')
    expect(await served.ending()).toBe(0)
  },
)
