import { once } from 'node:events'
import { createServer, type AddressInfo, type Socket } from 'node:net'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { connectRedis, movedTo, scriptOf } from '../../src/redis/connection.ts'

test.for([
  ['MOVED 3999 127.0.0.2:6381', 'redis://u:p@127.0.0.1:6379/0', 'redis://u:p@127.0.0.2:6381/0'],
  [
    'MOVED 3999 redis-2.example.org:6381',
    'rediss://127.0.0.1',
    'rediss://redis-2.example.org:6381',
  ],
  ['MOVED 3999 :6381', 'redis://127.0.0.1:6379', 'redis://127.0.0.1:6381'],
  ['MOVED 3999 ?:6381', 'redis://127.0.0.1', 'redis://127.0.0.1:6381'],
  ['MOVED 3999 ::1:6381', 'redis://127.0.0.1', 'redis://[::1]:6381'],
  ['ASK 3999 127.0.0.2:6381', 'redis://127.0.0.1', undefined],
  ['MOVED', 'redis://127.0.0.1', undefined],
  ['OOM command not allowed', 'redis://127.0.0.1', undefined],
] as const)('%s at %s leads to %s', ([said, asked, leads]) => {
  expect(movedTo(new Error(said), asked)).toBe(leads)
})

test('what is no error leads nowhere', () => {
  expect(movedTo('MOVED 3999 127.0.0.2:6381', 'redis://127.0.0.1')).toBeUndefined()
})

describe('a connection', () => {
  let answer: (command: string, socket: Socket) => void
  let received: string[]
  let sockets: Set<Socket>
  let server: ReturnType<typeof createServer>
  let url: string

  beforeEach(async () => {
    received = []
    sockets = new Set()
    answer = (_, socket) => socket.write('+OK\r\n')
    server = createServer((socket) => {
      sockets.add(socket)
      socket.on('error', () => undefined)
      socket.on('data', (bytes: Buffer) => {
        // One array of bulk strings after the other; the client writes each whole here.
        for (const command of bytes.toString().split(/(?=\*\d+\r\n\$)/)) {
          const words = command.split('\r\n').filter((_, index) => index > 0 && index % 2 === 0)
          received.push(words.join(' '))
          answer(words[0] ?? '', socket)
        }
      })
    })
    server.listen(0, '127.0.0.1')
    await once(server, 'listening')
    url = `redis://127.0.0.1:${(server.address() as AddressInfo).port}`
  })
  afterEach(async () => {
    for (const socket of sockets) socket.destroy()
    server.close()
    await once(server, 'close')
  })

  const neverLost = (error: Error): void => expect.fail(error.message)

  test('sends a script in full only when the server does not know it', async () => {
    const connection = await connectRedis({ url, timeoutMs: 1000, onLost: neverLost }, 'key')
    const script = scriptOf('return 1')
    await connection.script(script, 'key', ['a'])
    answer = (command, socket) =>
      socket.write(command === 'EVALSHA' ? '-NOSCRIPT No matching script.\r\n' : '+OK\r\n')
    await connection.script(script, 'key', ['a'])
    connection.close()
    expect(received.slice(-3)).toEqual([
      `EVALSHA ${script.sha1} 1 key a`,
      `EVALSHA ${script.sha1} 1 key a`,
      'EVAL return 1 1 key a',
    ])
  })

  test('refuses what is beyond its bound instead of keeping it', async () => {
    const connection = await connectRedis({ url, timeoutMs: 60_000, onLost: neverLost }, 'key')
    answer = () => undefined
    const all = Array.from({ length: 50_100 }, async () => await connection.command(['GET', 'key']))
    const settled = Promise.allSettled(all)
    await expect(all.at(-1)).rejects.toThrow('queue is full')
    connection.close()
    expect((await settled).every(({ status }) => status === 'rejected')).toBe(true)
    await expect(connection.command(['GET', 'key'])).rejects.toThrow()
  })

  test('that the server ends is lost once, and what was under way is rejected', async () => {
    const lost: Error[] = []
    const connection = await connectRedis(
      { url, timeoutMs: 60_000, onLost: (error) => lost.push(error) },
      'key',
    )
    answer = (_, socket) => socket.destroy()
    await expect(connection.command(['GET', 'key'])).rejects.toThrow()
    expect(lost).toHaveLength(1)
    connection.close()
    expect(lost).toHaveLength(1)
  })

  test('whose server answers what is no Redis is not opened', async () => {
    answer = (_, socket) => socket.write('220 mail.example.org ESMTP\r\n')
    await expect(connectRedis({ url, timeoutMs: 300, onLost: neverLost }, 'key')).rejects.toThrow()
  })

  test('that is moved without end is given up', async () => {
    const port = new URL(url).port
    answer = (command, socket) =>
      socket.write(command === 'SET' ? `-MOVED 1 127.0.0.1:${port}\r\n` : '+OK\r\n')
    await expect(connectRedis({ url, timeoutMs: 1000, onLost: neverLost }, 'key')).rejects.toThrow(
      'MOVED',
    )
    expect(received.filter((command) => command.startsWith('SET'))).toHaveLength(6)
  })
})
