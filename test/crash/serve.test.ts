/**
 * `rcptwise serve` as an operator has it: stopped in the middle of work, short of disk, of ports,
 * of memory.
 */
import { createHash } from 'node:crypto'
import { rmSync } from 'node:fs'
import { createServer } from 'node:net'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { Client } from '../support/dialogue.ts'
import { startFakeBackend } from '../support/fake-backend.ts'
import { freePort } from '../support/lab/ports.ts'
import { until } from '../support/lab/until.ts'
import { senderOf, untilAnswered } from './sender.ts'
import { Home, type Served } from './serve.ts'
import { canMount, fill, withSmallDisk } from './small-disk.ts'

const hello = ['EHLO client.test']
const envelope = [...hello, 'MAIL FROM:<s@x.test>', 'RCPT TO:<a@example.org>', 'DATA']

async function connected(served: Served, say: readonly string[]): Promise<Client> {
  const client = await Client.connect(served.listeningPort)
  await client.reply()
  for (const line of say) await client.ask(line)
  return client
}

describe('SIGTERM', () => {
  test('known-limits.md: “SIGTERM ends idle sessions with 421, lets messages under way end with their answer, and then ends the program with 0.”', async () => {
    const [reached, goOn] = [Promise.withResolvers<undefined>(), Promise.withResolvers<undefined>()]
    await using backend = await startFakeBackend({
      rules: [{ on: 'dot', hold: goOn.promise, reached: () => reached.resolve(undefined) }],
    })
    await using home = await Home.make()
    const served = await home.serve({ backendUrl: backend.url })
    const [fresh, idle, busy] = [
      await connected(served, []),
      await connected(served, hello),
      await connected(served, envelope),
    ]
    const texting = await connected(served, envelope)
    texting.send('Subject: half\r\n')
    busy.send('Subject: x\r\n\r\nhello\r\n.\r\n')
    await reached.promise
    served.signal('SIGTERM')
    for (const client of [fresh, idle]) {
      expect((await client.reply()).join()).toMatch(/^421 4\.3\.2 /)
      expect(await client.line()).toBeUndefined()
    }
    await expect(Client.connect(served.listeningPort)).rejects.toThrow('ECONNREFUSED')
    goOn.resolve(undefined)
    expect((await busy.reply()).join()).toMatch(/^250 2\.0\.0 Ok: queued as/)
    expect((await busy.reply()).join()).toMatch(/^421 4\.3\.2 /)
    texting.send('\r\nthe other half\r\n.\r\n')
    expect((await texting.reply()).join()).toMatch(/^250 2\.0\.0 Ok: queued as/)
    for (const client of [fresh, idle, busy, texting]) client.close()
    expect(await served.ending()).toBe(0)
    expect(served.events('stopped')).toHaveLength(1)
    expect(backend.delivered).toHaveLength(2)
    await until('the backend was left', () => backend.open() === 0)
  })

  test('known-limits.md: “Rcptwise breaks off what is not done after timeouts.shutdown (30 s); those senders come again.”', async () => {
    const reached = Promise.withResolvers<undefined>()
    await using backend = await startFakeBackend({
      rules: [
        {
          on: 'DATA',
          hold: new Promise(() => undefined),
          reached: () => reached.resolve(undefined),
        },
      ],
    })
    await using home = await Home.make()
    const served = await home.serve({
      backendUrl: backend.url,
      config: 'timeouts: { shutdown: 300ms }',
    })
    const sender = senderOf({
      from: 's@x.test',
      to: ['a@example.org'],
      text: 'Subject: x\r\n\r\nhello\r\n',
    })
    const attempt = sender.attempt(served.listeningPort)
    await reached.promise
    served.signal('SIGTERM')
    await attempt
    expect(sender.open()).toEqual(['a@example.org'])
    expect(await served.ending()).toBe(0)
    expect(backend.texts).toEqual([])
  })

  test('known-limits.md: “A second signal does not wait.”', async () => {
    await using backend = await startFakeBackend()
    await using home = await Home.make()
    const served = await home.serve({ backendUrl: backend.url })
    const client = await connected(served, envelope)
    served.signal('SIGTERM')
    await until('it has heard it', () => served.events('stopping').length === 1)
    served.signal('SIGTERM')
    expect(await served.ending()).toBe(1)
    client.close()
  })
})

describe('starting', () => {
  test.each(['listen', 'admin'])(
    'an address in use (%s): says which one and what to do, and ends with 1',
    async (which) => {
      const taken = createServer().listen(0, '127.0.0.1')
      await new Promise((resolve) => taken.once('listening', resolve))
      const address = taken.address()
      const port = typeof address === 'object' && address !== null ? address.port : 0
      await using backend = await startFakeBackend()
      await using home = await Home.make()
      const at = `127.0.0.1:${port}`
      const served = await home.serve({
        backendUrl: backend.url,
        ...(which === 'listen' ? { listen: at } : { admin: at }),
      })
      expect(await served.ending()).toBe(1)
      expect(served.events('not started')).toMatchObject([
        { msg: expect.stringContaining(`${at} is in use`) as string },
      ])
      expect(served.output).not.toContain('    at ')
      taken.close()
    },
  )

  test('it starts without its backend; known-limits.md: “There is no queue: when every mail server behind is away, senders get 451 and keep their mail.” It goes through once there is one', async () => {
    const backend = await startFakeBackend({ port: await freePort() })
    await backend.stop()
    await using home = await Home.make()
    const served = await home.serve({ backendUrl: backend.url })
    expect(served.events('not ready')).toHaveLength(1)
    const sender = senderOf({
      from: 's@x.test',
      to: ['a@example.org'],
      text: 'Subject: x\r\n\r\nhello\r\n',
    })
    await sender.attempt(served.listeningPort)
    expect(sender.open()).toEqual(['a@example.org'])
    await using again = await startFakeBackend({ port: backend.port })
    await untilAnswered(sender, served.listeningPort)
    expect(again.delivered).toHaveLength(1)
  })
})

describe('memory', () => {
  const sizes: [string, string][] = [
    ['as it comes', ''],
    ['through a file', 'spool: { memory: 32KiB, directory: spool }'],
  ]
  test.each(sizes)(
    '200 MiB to a backend that stops for a while: %s, and only a part is ever in memory',
    { timeout: 120_000 },
    async (_, config) => {
      const goOn = Promise.withResolvers<undefined>()
      await using backend = await startFakeBackend({
        keepTexts: false,
        rules: [{ on: 'octets', nth: 2, octets: 1, hold: goOn.promise }],
      })
      await using home = await Home.make()
      const served = await home.serve({
        backendUrl: backend.url,
        config: `received_header: false\nlimits: { message_size: 300MiB }\n${config}`,
      })
      // A small message first, so that everything is loaded.
      const small = senderOf({
        from: 's@x.test',
        to: ['a@example.org'],
        text: 'Subject: x\r\n\r\nhello\r\n',
      })
      await untilAnswered(small, served.listeningPort)
      const before = served.peakMemoryBytes()
      const client = await connected(served, envelope)
      const hash = createHash('sha256')
      const line = Buffer.from(`${'0123456789abcdef'.repeat(4)}\r\n`.repeat(1000))
      const send = async (octets: Buffer): Promise<void> => {
        hash.update(octets)
        if (!client.socket.write(octets))
          await new Promise((resolve) => client.socket.once('drain', resolve))
      }
      await send(Buffer.from('Subject: large\r\n\r\n'))
      setTimeout(() => goOn.resolve(undefined), 1000)
      for (let sent = 0; sent < 200 * 1024 * 1024; sent += line.length) await send(line)
      await send(Buffer.from('.\r\n'))
      expect((await client.reply()).join()).toMatch(/^250 /)
      client.close()
      expect(backend.delivered[1]?.hash).toBe(hash.digest('hex'))
      const grown = served.peakMemoryBytes() - before
      expect(grown, `${Math.round(grown / 1024 / 1024)} MiB`).toBeLessThan(150 * 1024 * 1024)
    },
  )
})

describe('the disk under the ledger', () => {
  test.runIf(canMount())(
    'gets full in the middle; known-limits.md: “a full or read-only disk under the ledger: mail goes on” “No message is lost or delivered twice by that alone.”',
    async () => {
      const recipients =
        '"tag@example.org": tag-only\n"careful@example.org": careful\n"strict@example.org": strict\n'
      const to = ['strict@example.org', 'careful@example.org', 'tag@example.org']
      await using backend = await startFakeBackend()
      await using home = await Home.make()
      const data = join(home.directory, 'data')
      const served = await home.serve({
        backendUrl: backend.url,
        recipients,
        config: 'data_directory: data',
        wrapper: withSmallDisk(data, '2m'),
      })
      const filler = `/proc/${served.pid}/root${data}/filler`
      for (let message = 0; message < 30; message++) {
        const text = `Subject: ${message}\r\nMessage-ID: <${message}@x.test>\r\nX-Spam-Score: 9.5\r\n\r\nhello ${message}\r\n`
        const sender = senderOf({ from: `s${message}@x.test`, to, text })
        await sender.attempt(served.listeningPort)
        if (message === 5) fill(filler)
        if (message === 20) {
          expect(served.events('ledgerTrouble')).toHaveLength(1)
          rmSync(filler)
          await until(
            'the ledger is written again',
            () => served.events('ledgerRecovered').length === 1,
          )
        }
        await untilAnswered(sender, served.listeningPort)
        expect(sender.answered.get('strict@example.org')).toMatch(/^550 /)
        const copies = backend.delivered
          .filter(({ mail }) => mail.startsWith(`<s${message}@`))
          .flatMap((one) => one.recipients)
        expect([...copies].sort()).toEqual(['<careful@example.org>', '<tag@example.org>'])
      }
    },
  )
})
