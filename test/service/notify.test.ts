import { chmod, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { openServiceManager, watchdogInterval } from '../../src/service/notify.ts'
import { until } from '../support/lab/until.ts'

describe('the interval between signs of life', () => {
  test.each([
    ['nobody asks', {}, undefined],
    ['half the limit', { WATCHDOG_USEC: '30000000' }, 15_000],
    ['for this process', { WATCHDOG_USEC: '30000000', WATCHDOG_PID: '7' }, 15_000],
    ['for another process', { WATCHDOG_USEC: '30000000', WATCHDOG_PID: '8' }, undefined],
    ['shorter than a timer can be', { WATCHDOG_USEC: '1' }, 1],
    ['longer than a timer can be', { WATCHDOG_USEC: '9000000000000000' }, 2 ** 31 - 1],
    ['zero', { WATCHDOG_USEC: '0' }, undefined],
    ['no number', { WATCHDOG_USEC: '30s' }, undefined],
  ] as const)('%s', (_, environment, expected) => {
    expect(watchdogInterval(environment, 7)).toBe(expected)
  })
})

describe('messages', () => {
  test('go out one after the other, to the socket that was named', async () => {
    await using told = await recorder()
    const manager = openServiceManager(
      { ...told.environment, WATCHDOG_USEC: '1000000000' },
      { program: told.program },
    )
    manager.ready('listening on 127.0.0.1:25')
    manager.status('listening on 127.0.0.1:25')
    manager.status('listening;\nbackend: gone')
    manager.stopping('finishing', 30_000)
    await manager.close()
    expect(await told.lines()).toEqual([
      '/run/test READY=1 STATUS=listening on 127.0.0.1:25',
      '/run/test STATUS=listening; backend: gone',
      '/run/test STOPPING=1 EXTEND_TIMEOUT_USEC=30000000 STATUS=finishing',
    ])
  })

  test('of the watchdog go out until it is closed, and no longer', async () => {
    await using told = await recorder()
    const manager = openServiceManager(
      { ...told.environment, WATCHDOG_USEC: '20000' },
      { program: told.program },
    )
    manager.ready('up')
    const signs = async (): Promise<number> =>
      (await told.lines()).filter((line) => line.endsWith('WATCHDOG=1')).length
    await until('three signs of life', async () => (await signs()) >= 3)
    await manager.close()
    const atClose = await signs()
    await new Promise((resolve) => setTimeout(resolve, 100))
    expect(await signs()).toBe(atClose)
  })

  test('nothing is started without a manager', async () => {
    await using told = await recorder()
    const manager = openServiceManager({ PATH: '/bin:/usr/bin' }, { program: told.program })
    manager.ready('up')
    manager.status('down')
    manager.stopping('end', 1)
    await manager.close()
    expect(await told.lines()).toEqual([])
  })

  test.each([
    ['is missing', 'rcptwise-no-such-program', "can't be started"],
    ['fails', 'false', 'false ended with 1'],
  ])('a program that %s is told once', async (_, program, words) => {
    const troubles: string[] = []
    const manager = openServiceManager(
      { NOTIFY_SOCKET: '/run/test', PATH: '/bin:/usr/bin' },
      { program, onTrouble: (what) => troubles.push(what) },
    )
    manager.ready('up')
    manager.status('other')
    await manager.close()
    expect(troubles).toHaveLength(1)
    expect(troubles[0]).toContain(
      'the service manager at /run/test could not be told READY=1 STATUS=up',
    )
    expect(troubles[0]).toContain(words)
  })
})

/** A program that writes down the socket and its arguments, a line each time. */
async function recorder() {
  const directory = await mkdtemp(join(tmpdir(), 'rcptwise-notify-'))
  const program = join(directory, 'recorder')
  const record = join(directory, 'record')
  await writeFile(record, '')
  await writeFile(program, `#!/bin/sh\necho "$NOTIFY_SOCKET $*" >>'${record}'\n`)
  await chmod(program, 0o755)
  return {
    program,
    environment: { NOTIFY_SOCKET: '/run/test', PATH: '/bin:/usr/bin' },
    lines: async () => (await readFile(record, 'utf8')).split('\n').filter((line) => line !== ''),
    [Symbol.asyncDispose]: async () => {
      await rm(directory, { recursive: true, force: true })
    },
  }
}
