import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { createServer, type AddressInfo, type Server } from 'node:net'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { assignSockets, inheritedSockets } from '../../src/service/activation.ts'
import { play } from '../support/dialogue.ts'
import { until } from '../support/lab/until.ts'

describe('what the environment says', () => {
  const pid = 4711
  test.each([
    ['nothing', {}, []],
    ['another process is meant', { LISTEN_PID: '4712', LISTEN_FDS: '1' }, []],
    ['a process number that only begins like ours', { LISTEN_PID: '47110', LISTEN_FDS: '1' }, []],
    ['no sockets', { LISTEN_PID: '4711', LISTEN_FDS: '0' }, []],
    ['one, no name', { LISTEN_PID: '4711', LISTEN_FDS: '1' }, [[3, 'unknown']]],
    [
      'two with names',
      { LISTEN_PID: '4711', LISTEN_FDS: '2', LISTEN_FDNAMES: 'a:b' },
      [
        [3, 'a'],
        [4, 'b'],
      ],
    ],
    [
      'fewer names',
      { LISTEN_PID: '4711', LISTEN_FDS: '2', LISTEN_FDNAMES: 'a' },
      [
        [3, 'a'],
        [4, 'unknown'],
      ],
    ],
  ] as const)('%s', (_, given, expected) => {
    const environment = { PATH: '/bin', ...given }
    expect(
      inheritedSockets(environment, pid).map(({ descriptor, name }) => [descriptor, name]),
    ).toEqual(expected)
    expect(environment).toEqual({ PATH: '/bin' })
  })

  test.each(['', 'x', '-1', '1e3', '99999'])('LISTEN_FDS "%s" is told', (count) => {
    expect(() => inheritedSockets({ LISTEN_PID: '4711', LISTEN_FDS: count }, pid)).toThrow(
      `LISTEN_FDS is "${count}"`,
    )
  })
})

describe('which socket is for which entry of listen', () => {
  const sockets = (...names: readonly string[]) =>
    names.map((name, i) => ({ name, descriptor: 3 + i }))
  test.each([
    ['none', [], 2, [undefined, undefined]],
    ['in order', ['rcptwise.socket', 'rcptwise.socket'], 2, [3, 4]],
    ['by name', ['listen-1', 'listen-0'], 2, [4, 3]],
    ['named ones first, the others fill up', ['x', 'listen-0', 'y'], 3, [4, 3, 5]],
    ['fewer than entries', ['x'], 3, [3, undefined, undefined]],
  ] as const)('%s', (_, names, entries, expected) => {
    expect(assignSockets(sockets(...names), entries)).toEqual(expected)
  })

  test.each([
    ['more than entries', ['x', 'y'], 1, '"y" (descriptor 4) has no entry in listen, which has 1'],
    ['a name behind the end', ['listen-2'], 2, '"listen-2" (descriptor 3) has no entry in listen'],
    ['a name twice', ['listen-0', 'listen-0'], 2, 'for listen[0], which already has one'],
  ] as const)('%s: an error that says what to do', (_, names, entries, words) => {
    expect(() => assignSockets(sockets(...names), entries)).toThrow(words)
  })
})

describe('serve with a socket that was opened for it', () => {
  test('takes mail on it, says where that is, and a restart loses no connection', async () => {
    await using manager = await openManager()
    const quit = 'S: 220 *\nC: QUIT\nS: 221 *\nS: <end>'
    const first = await manager.start()
    expect(first['listening']).toEqual([`127.0.0.1:${manager.port}`])
    await play(manager.port, quit)
    expect(await manager.stop(first)).toBe('ended 0')
    // Nobody serves now; the socket stays, and a client that connects waits for the next process.
    const waiting = play(manager.port, quit)
    const second = await manager.start()
    expect(second['pid']).not.toBe(first['pid'])
    await waiting
    expect(await manager.stop(second)).toBe('ended 0')
  })
})

interface Manager extends AsyncDisposable {
  readonly port: number
  /** Starts `serve` with the socket and gives what it logs when it has started. */
  readonly start: () => Promise<Record<string, unknown>>
  readonly stop: (started: Record<string, unknown>) => Promise<string>
}

/**
 * Keeps a socket as descriptor 3 and runs `serve` once for each line it reads; the configuration's
 * own port is never used.
 */
const keepAndServe = `while read -r line; do sh -c 'LISTEN_PID=$$ exec "$@"' sh "$@" </dev/null; echo "ended $?"; done`

async function openManager(): Promise<Manager> {
  const directory = await mkdtemp(join(tmpdir(), 'rcptwise-activation-'))
  const socket = createServer().listen(0, '127.0.0.1')
  await once(socket, 'listening')
  const { port } = socket.address() as AddressInfo
  const main = join(import.meta.dirname, '..', '..', 'src', 'cli', 'main.ts')
  const command = [process.execPath, main, 'serve', '--listen', '127.0.0.1:1', '--admin', 'off']
  const child = spawn(
    '/bin/sh',
    ['-c', keepAndServe, 'sh', ...command, '--data-directory', directory],
    {
      stdio: ['pipe', 'pipe', 'inherit', descriptorOf(socket)],
      env: { ...process.env, LISTEN_FDS: '1', LISTEN_FDNAMES: 'smtp' },
      detached: true,
    },
  )
  const gone = once(child, 'close')
  socket.close()
  let said = ''
  child.stdout?.setEncoding('utf8').on('data', (text: string) => (said += text))
  let read = 0
  /** The next line that has these words. */
  const line = async (words: string): Promise<string> =>
    await until(
      `serve says ${words}`,
      () => {
        const lines = said.split('\n').slice(0, -1)
        const found = lines.findIndex((text, i) => i >= read && text.includes(words))
        if (found === -1) return undefined
        read = found + 1
        return lines[found]
      },
      { limitMs: 30_000, explain: () => said },
    )
  return {
    port,
    start: async () => {
      child.stdin?.write('\n')
      return JSON.parse(await line('"event":"started"')) as Record<string, unknown>
    },
    stop: async (started) => {
      process.kill(Number(started['pid']), 'SIGTERM')
      return await line('ended ')
    },
    [Symbol.asyncDispose]: async () => {
      // The whole group: the shell and what it runs.
      if (child.exitCode === null) process.kill(-Number(child.pid), 'SIGKILL')
      await gone
      await rm(directory, { recursive: true, force: true })
    },
  }
}

/** Node has no public way to a server's descriptor. */
const descriptorOf = (server: Server): number =>
  (server as unknown as { readonly _handle: { readonly fd: number } })._handle.fd
