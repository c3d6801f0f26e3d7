/**
 * deploy/Dockerfile, every line of it, and the image that comes out, as docs/deploy.md starts it.
 *
 *   podman build (Docker's format) ─▶ image
 *   podman run --read-only --cap-drop ALL ◀─ a client with one message; HEALTHCHECK; what it is and what it writes; stop
 *
 * podman stands in for Docker, which Debian's packages do not start without systemd. Images from elsewhere are replaced
 * (base-images.ts).
 */
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { Client, play } from '../../support/dialogue.ts'
import { interopObstacle } from '../../support/lab/availability.ts'
import { until } from '../../support/lab/until.ts'
import { startBuilder, type Builder } from './base-images.ts'

const message = `
  S: 220 *
  C: HELO client.test
  S: 250 *
  C: MAIL FROM:<s@example.net>
  S: 250 *
  C: RCPT TO:<ann@example.org>
  S: 250 *
  C: DATA
  S: 354 *
  C: Subject: contained
  C:
  C: hello
  C: .
  C: QUIT
  S: 250 *
  S: 221 *
  S: <end>`

/** docs/deploy.md, but for the port. */
const hardened = ['--read-only', '--tmpfs', '/tmp', '--cap-drop', 'ALL']
const mailbox = '/var/lib/rcptwise/mail/ann@example.org/new'

describe.skipIf(interopObstacle() !== undefined)('the image', () => {
  let builder: Builder | undefined
  const podman = async (...args: readonly string[]): Promise<string> => {
    if (builder === undefined) throw new Error('There is no machine')
    return (await builder.podman.podman(...args)).stdout
  }
  const healthy = async (name: string): Promise<void> => {
    await until(
      'HEALTHCHECK succeeds',
      async () => (await builder?.podman.run('podman', ['healthcheck', 'run', name]))?.code === 0,
      { limitMs: 60_000, explain: async () => await podman('logs', name) },
    )
  }
  /** What each process in a container says about itself. */
  const status = async (name: string): Promise<string[]> =>
    (await podman('exec', name, 'sh', '-c', 'cat /proc/[0-9]*/status')).split(/(?=^Name:)/m)

  beforeAll(async () => {
    builder = await startBuilder()
    await builder.build('deploy/Dockerfile', '.', 'rcptwise')
  }, 300_000)
  afterAll(async () => {
    await builder?.[Symbol.asyncDispose]()
  }, 60_000)

  test('read-only and without rights it takes a message, is healthy, and stops when what is open has ended', async () => {
    await podman(
      'run',
      '-d',
      '--name',
      'mx',
      '-p',
      '25:2525',
      ...hardened,
      '-v',
      'rcptwise:/var/lib/rcptwise',
      'rcptwise',
    )
    await healthy('mx')
    const port = (await builder?.podman.reach(25)) ?? 0
    await play(port, message)
    const [file = ''] = (await podman('exec', 'mx', 'ls', mailbox)).split('\n')
    expect(await podman('exec', 'mx', 'cat', `${mailbox}/${file}`)).toContain('Subject: contained\r\n')

    // Rcptwise as process 1, its workers, and the `sh` and `cat` that look.
    const processes = await status('mx')
    expect(processes.some((text) => /^Pid:\t1$/m.test(text))).toBe(true)
    for (const text of processes) {
      expect(text).toMatch(/^Uid:(\t10001){4}$/m)
      expect(text).toMatch(/^Gid:(\t10001){4}$/m)
      expect(text).toMatch(/^CapEff:\t0{16}$/m)
      expect(text).toMatch(/^CapBnd:\t0{16}$/m)
    }
    for (const place of ['/x', '/app/x', '/etc/rcptwise/x', '/usr/x']) {
      const written = await builder?.podman.run('podman', ['exec', 'mx', 'touch', place])
      expect(written?.stderr).toMatch(/Read-only file system/)
    }

    const client = await Client.connect(port)
    await client.reply()
    for (const command of ['HELO client.test', 'MAIL FROM:<s@example.net>', 'RCPT TO:<ann@example.org>', 'DATA']) {
      expect(await client.ask(command)).toMatch(/^(?:250|354) /)
    }
    const stopped = podman('stop', '--time', '60', 'mx')
    await until('it says that it stops', async () => (await podman('logs', 'mx')).includes('"event":"stopping"'))
    expect(await client.ask('Subject: late\r\n\r\nhello\r\n.')).toMatch(/^250 /)
    client.close()
    await stopped
    expect(await podman('inspect', '--format', '{{.State.Status}} {{.State.ExitCode}}', 'mx')).toBe('exited 0\n')
    expect(await podman('logs', 'mx')).toContain('"event":"stopped"')

    // The volume has both messages for the next container.
    expect(
      (await podman('run', '--rm', '--entrypoint', 'ls', '-v', 'rcptwise:/var/lib/rcptwise', 'rcptwise', mailbox))
        .trim()
        .split('\n'),
    ).toHaveLength(2)
  })

  test('where it may write anywhere, it writes nowhere but to its volume', async () => {
    await podman('run', '-d', '--name', 'open', '-v', 'open:/var/lib/rcptwise', 'rcptwise')
    await healthy('open')
    const address = (await podman('inspect', '--format', '{{.NetworkSettings.IPAddress}}', 'open')).trim()
    expect(address).toMatch(/^10\./)
    await podman('stop', '--time', '60', 'open')
    const changes = (await podman('diff', 'open')).trim().split('\n')
    // podman's own: the hosts file, a line for the user, and the like.
    expect(
      changes.filter(
        (line) => !/^[AC] \/(?:etc(?:\/(?:hosts|hostname|resolv\.conf|mtab|passwd|group))?|run(?:\/.*)?)$/.test(line),
      ),
    ).toEqual([])
  })

  test('is for a user with a number, one volume, and the ports of the documents', async () => {
    const [about] = JSON.parse(await podman('image', 'inspect', 'rcptwise')) as [{ readonly Config: unknown }]
    expect(about.Config).toMatchObject({
      User: '10001:10001',
      Volumes: { '/var/lib/rcptwise': {} },
      ExposedPorts: { '2525/tcp': {}, '9225/tcp': {} },
      StopSignal: 'SIGTERM',
      WorkingDir: '/var/lib/rcptwise',
    })
    // Nothing for development, and nobody's settings.
    const listing = await podman(
      'run',
      '--rm',
      '--entrypoint',
      'ls',
      'rcptwise',
      '-a',
      '/app',
      '/app/node_modules',
      '/var/lib/rcptwise',
    )
    expect(listing).toContain('zod\n')
    expect(listing).not.toMatch(/^(?:vitest|typescript|eslint|\.npmrc|src|test)$/m)
  })

  test('a configuration with a mistake ends it with the mistake', async () => {
    await builder?.podman.write('/srv/config.yaml', 'listen: [0.0.0.0:2525]\nbackends: { servers: [] }\n')
    const ran = await builder?.podman.run('podman', [
      'run',
      '--rm',
      ...hardened,
      '-v',
      '/srv/config.yaml:/etc/rcptwise/config.yaml:ro',
      'rcptwise',
    ])
    expect(ran?.transcript).toMatch(/config\.yaml:2:1: backends/)
    expect(ran).toMatchObject({ code: 2 })
  })
})
