/** `rcptwise why` about a message that came to two front-ends, each of which keeps its own history. */
import { execFile } from 'node:child_process'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { expect, test } from 'vitest'
import { senderOf } from '../crash/sender.ts'
import { Home, type Served } from '../crash/serve.ts'
import { startFakeBackend } from '../support/fake-backend.ts'
import { until } from '../support/lab/until.ts'

const run = promisify(execFile)
const main = join(import.meta.dirname, '..', '..', 'src', 'cli', 'main.ts')
const to = ['strict@example.org', 'tag@example.org']
const recipients = '"strict@example.org": strict\n"tag@example.org": tag-only\n'

const why = async (...args: readonly string[]): Promise<string> =>
  (await run(process.execPath, [main, 'why', ...args])).stdout

test(
  'the attempts at both are told as one message, in their order, each with where it was',
  { timeout: 120_000 },
  async () => {
    await using backend = await startFakeBackend()
    await using first = await Home.make()
    await using second = await Home.make()
    const config = 'data_directory: data'
    const started = { backendUrl: backend.url, recipients }
    const one = await first.serve({ ...started, config })
    // What one begins the other goes on with: they share the ledger, and nothing else.
    const ledger = `ledger: ${join(first.directory, 'data', 'ledger.db')}`
    const other = await second.serve({ ...started, config: `${config}\n${ledger}` })
    const sender = senderOf({
      from: 's@x.test',
      to,
      text: 'Message-ID: <1@x.test>\r\nX-Spam-Score: 9.5\r\n\r\nhello\r\n',
    })
    const at: Served[] = []
    for (let n = 0; sender.open().length > 0 && n < 6; n++) {
      const served = n % 2 === 0 ? one : other
      at.push(served)
      await sender.attempt(served.listeningPort)
    }
    expect(sender.open()).toEqual([])
    expect(new Set(at).size).toBe(2)
    const servers = ['--server', one.adminUrl, other.adminUrl]
    let told = ''
    await until(
      'all is written',
      async () => {
        told = await why('strict@example.org', ...servers)
        return told.split(' at http').length - 1 >= at.length || told.includes('550')
      },
      { explain: () => told },
    )
    for (const served of [one, other]) expect(told).toContain(served.adminUrl)
    expect(told.match(/<1@x\.test>/g)).toHaveLength(1)
    const alone = await why('strict@example.org', '--server', one.adminUrl)
    expect(alone.length).toBeLessThan(told.length)
  },
)
