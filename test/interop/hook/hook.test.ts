/**
 * The example filter of docs/judges.md, word for word, between real clients and a real server.
 *
 *   Exim, swaks ─▶ Rcptwise ─▶ Postfix
 *                     └─(HTTP)▶ the filter
 */
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { interopObstacle } from '../../support/lab/availability.ts'
import { startExim } from '../../support/lab/exim.ts'
import { expectFates } from '../../support/lab/fates.ts'
import { type FrontEnd, startFrontEnd } from '../../support/lab/front-end.ts'
import { freePort } from '../../support/lab/ports.ts'
import { startPostfix } from '../../support/lab/postfix.ts'
import { openSwaks } from '../../support/lab/swaks.ts'
import { until } from '../../support/lab/until.ts'

const host = '127.0.0.1'
const page = join(import.meta.dirname, '..', '..', '..', 'docs', 'judges.md')
const mailboxes = ['ann@example.org', 'bob@example.org', 'cat@example.org', 'sender@client.test']
const to = mailboxes.slice(0, 3)

interface Filter extends AsyncDisposable {
  readonly url: string
}

/** But for its port. */
async function startFilter(): Promise<Filter> {
  const directory = await mkdtemp(join(tmpdir(), 'rcptwise-hook-'))
  const port = await freePort()
  const text = /^```js\n([\s\S]*?)^```$/m.exec(await readFile(page, 'utf8'))?.[1] ?? ''
  expect(text.trim().split('\n').length).toBeLessThanOrEqual(10)
  const file = join(directory, 'filter.mjs')
  await writeFile(file, text.replace('8025', String(port)))
  const filter = spawn(process.execPath, [file], { stdio: ['ignore', 'ignore', 'inherit'] })
  const url = `http://${host}:${port}/`
  await until('the filter listens', async () => {
    const answer = await fetch(url, {
      method: 'POST',
      body: '{"envelope":{"to":[]}}',
    }).catch(() => undefined)
    return answer !== undefined
  })
  return {
    url,
    [Symbol.asyncDispose]: async () => {
      filter.kill()
      if (filter.exitCode === null && filter.signalCode === null) await once(filter, 'exit')
      await rm(directory, { recursive: true })
    },
  }
}

const frontEnd = async (backend: number, url: string, strategy = 'auto'): Promise<FrontEnd> =>
  await startFrontEnd({
    backend,
    peer: { strategy },
    config: { judges: [{ hook: { url, protocol: 'stalwart' } }] },
  })

describe.skipIf(interopObstacle() !== undefined)('the example filter of judges.md', () => {
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
