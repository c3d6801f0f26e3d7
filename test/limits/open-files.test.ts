/**
 * The system's own limit: no open file is left. New clients wait or are closed, messages are put
 * off, nothing crashes, and it passes.
 */
import { connect, type Socket } from 'node:net'
import { expect, test } from 'vitest'
import { Home } from '../crash/serve.ts'
import { open, pipeline } from '../support/session.ts'
import { startFakeBackend } from '../support/fake-backend.ts'
import { until } from '../support/lab/until.ts'

const openFiles = 80

test.skipIf(process.platform !== 'linux')(
  'limits.md: “Rcptwise itself goes on when a client reaches a limit, also when the system has no open file left.”',
  { timeout: 60_000 },
  async () => {
    await using backend = await startFakeBackend()
    await using home = await Home.make()
    const served = await home.serve({
      backendUrl: backend.url,
      config: 'limits: { sessions_per_address: 1000 }',
      wrapper: ['sh', '-c', `ulimit -n ${openFiles}; exec "$@"`, 'sh'],
    })
    const port = served.listeningPort
    const early = await open(port)
    const crowd: Socket[] = Array.from({ length: 2 * openFiles }, () =>
      connect({ port, host: '127.0.0.1' }),
    )
    let settled = 0
    for (const socket of crowd)
      socket
        .once('data', () => settled++)
        .once('close', () => settled++)
        .on('error', () => undefined)
    await until('as many are greeted as there is room for', () => settled > openFiles / 4)

    const said = await pipeline(early, 'MAIL FROM:<s@example.net>', 'NOOP')
    expect(said[0]).toMatch(/^(?:250|451) /)
    expect(said[1]).toMatch(/^250 /)
    for (const socket of crowd) socket.destroy()
    early.close()

    await until('mail flows again', async () => {
      const client = await open(port).catch(() => undefined)
      if (client === undefined) return false
      const replies = await pipeline(
        client,
        'MAIL FROM:<s@example.net>',
        'RCPT TO:<a@example.org>',
        'DATA',
      )
      if (replies[2]?.startsWith('354') === true) {
        client.send('hello\r\n.\r\n')
        replies.push(...(await client.reply()))
      }
      client.close()
      return replies.at(-1)?.startsWith('250') === true
    })
    expect(served.ended).toBe(false)
    expect(backend.delivered.length).toBeGreaterThan(0)
  },
)
