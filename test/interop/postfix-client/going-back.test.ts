/**
 * Rcptwise is put between a sender and its server, and taken away again, as README says: no new
 * split, wait for whom the command shows, change the port.
 *
 *   Postfix 3.7 ─▶ Rcptwise ─▶ Postfix 3.7        and then        Postfix 3.7 ─▶ Postfix 3.7
 */
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { interopObstacle } from '../../support/lab/availability.ts'
import { startFrontEnd } from '../../support/lab/front-end.ts'
import { mailboxes, mixedMessage, recipients } from '../../support/lab/mixed.ts'
import { startPostfix } from '../../support/lab/postfix.ts'
import { until } from '../../support/lab/until.ts'

const host = '127.0.0.1'

describe.skipIf(interopObstacle() !== undefined)('going back, with Postfix on both sides', () => {
  test('deploy.md: “Before Rcptwise is taken away for good: run rcptwise drain, and wait until it ends” README.md: “It shows whom it waits for, and ends when nobody can get a message twice any more.” Nobody has a message twice, or misses one, from before to behind', async () => {
    await using backend = await startPostfix({ server: { mailboxes } })
    await using rcptwise = await startFrontEnd({
      backend: backend.port,
      recipients,
      peer: { strategy: 'late' },
    })
    await using postfix = await startPostfix({ relayTo: { host, port: backend.port } })
    const relayTo = async (port: number): Promise<void> => {
      await postfix.run('postconf', ['-e', `relayhost = [${host}]:${port}`])
      await postfix.kill()
      await postfix.restart()
    }
    const ask = async (method: string): Promise<Drained> =>
      (await (await fetch(`${rcptwise.adminUrl}/api/v1/drain`, { method })).json()) as Drained

    await postfix.submit({ ...mixedMessage(9.5), subject: 'without it yet' })
    await postfix.empty()
    await relayTo(rcptwise.port)
    for (const i of [1, 2, 3]) await postfix.submit({ ...mixedMessage(9.5), subject: `split ${i}` })
    await until('splits are open', async () => (await ask('GET')).held > 0, {
      explain: rcptwise.log,
    })

    expect((await ask('PUT')).draining).toBe(true)
    await postfix.submit({ ...mixedMessage(9.5), subject: 'while it drains' })
    const run = await drainCommand(rcptwise.adminUrl)
    expect(run).toMatchObject({ code: 0 })
    expect(run.out).toContain('your mail server may have its port back')

    await relayTo(backend.port)
    await rcptwise[Symbol.asyncDispose]()
    await postfix.submit({ ...mixedMessage(9.5), subject: 'without it again' })
    await postfix.empty()
    await backend.empty()
    const bounced = (await postfix.bounces()).map(({ recipient }) => recipient)
    for (const address of Object.keys(recipients)) {
      const got = (await backend.mailbox(address)).map(
        (message) => /^Subject: (.*)$/m.exec(message)?.[1] ?? '',
      )
      const split = got.filter((subject) => subject.startsWith('split '))
      expect(new Set(split).size, `${address}: none twice`).toBe(split.length)
      const told = bounced.filter((one) => one === address).length
      expect(split.length + told, `${address}: each once, or its sender was told`).toBe(3)
      expect(got.filter((subject) => !subject.startsWith('split ')).sort(), address).toEqual([
        'while it drains',
        'without it again',
        'without it yet',
      ])
    }
  })
})

interface Drained {
  readonly draining: boolean
  readonly held: number
}

/** As the administrator runs it. */
async function drainCommand(
  adminUrl: string,
): Promise<{ readonly code: number | null; readonly out: string }> {
  const main = join(import.meta.dirname, '../../../src/cli/main.ts')
  const command = spawn(process.execPath, [main, 'drain', '--admin', adminUrl, '--every', '1s'])
  let out = ''
  for (const stream of [command.stdout, command.stderr])
    stream.on('data', (chunk: Buffer) => (out += String(chunk)))
  const [code] = (await once(command, 'close')) as [number | null]
  return { code, out }
}
