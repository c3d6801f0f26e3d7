/**
 * deploy/Dockerfile, every line of it, the image that comes out, as docs/deploy.md starts it, and
 * the compose file.
 *
 *   podman build (Docker's format) ─▶ image
 *   podman run --read-only --cap-drop ALL ◀─ a client with one message; HEALTHCHECK; what it is and what it writes; stop
 *   podman-compose up ─▶ a client ─▶ Rcptwise ─▶ Postfix with rspamd; Prometheus
 *
 * podman stands in for Docker, which Debian's packages do not start without systemd. Images from
 * elsewhere are replaced (base-images.ts).
 */
import { readFile } from 'node:fs/promises'
import path from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { parse } from 'yaml'
import { Client, play } from '../../support/dialogue.ts'
import { interopObstacle } from '../../support/lab/availability.ts'
import { until } from '../../support/lab/until.ts'
import { endings } from '../../../src/cli/endings.ts'
import { project, startBuilder, type Builder } from './base-images.ts'
import { standInFolders, startStack, type Service } from './compose-stack.ts'

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

/** rspamd refuses it whatever else it thinks (https://spamassassin.apache.org/gtube/). */
const gtube = ['XJS*C4JDBQADN1.NSBN3*2IDNEN*', 'GTUBE-STANDARD-ANTI-UBE-TEST-EMAIL*C.34X'].join('')

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
    const { build } = (builder = await startBuilder(await standInFolders()))
    const postfix = 'deploy/compose/postfix'
    await Promise.all([
      build('deploy/Dockerfile', '.', 'rcptwise'),
      build(`${postfix}/Dockerfile`, postfix, 'rcptwise-postfix'),
    ])
  }, 450_000)
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
    expect(await podman('exec', 'mx', 'cat', `${mailbox}/${file}`)).toContain(
      'Subject: contained\r\n',
    )

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
    for (const command of [
      'HELO client.test',
      'MAIL FROM:<s@example.net>',
      'RCPT TO:<ann@example.org>',
      'DATA',
    ]) {
      expect(await client.ask(command)).toMatch(/^(?:250|354) /)
    }
    const stopped = podman('stop', '--time', '60', 'mx')
    await until('it says that it stops', async () =>
      (await podman('logs', 'mx')).includes('"event":"stopping"'),
    )
    expect(await client.ask('Subject: late\r\n\r\nhello\r\n.')).toMatch(/^250 /)
    client.close()
    await stopped
    expect(await podman('inspect', '--format', '{{.State.Status}} {{.State.ExitCode}}', 'mx')).toBe(
      'exited 0\n',
    )
    expect(await podman('logs', 'mx')).toContain('"event":"stopped"')

    // The volume has both messages for the next container.
    expect(
      (
        await podman(
          'run',
          '--rm',
          '--entrypoint',
          'ls',
          '-v',
          'rcptwise:/var/lib/rcptwise',
          'rcptwise',
          mailbox,
        )
      )
        .trim()
        .split('\n'),
    ).toHaveLength(2)
  })

  test('where it may write anywhere, it writes nowhere but to its volume', async () => {
    await podman('run', '-d', '--name', 'open', '-v', 'open:/var/lib/rcptwise', 'rcptwise')
    await healthy('open')
    const address = (
      await podman('inspect', '--format', '{{.NetworkSettings.IPAddress}}', 'open')
    ).trim()
    expect(address).toMatch(/^10\./)
    await podman('stop', '--time', '60', 'open')
    const changes = (await podman('diff', 'open')).trim().split('\n')
    // podman's own: the hosts file, a line for the user, and the like.
    expect(
      changes.filter(
        (line) =>
          !/^[AC] \/(?:etc(?:\/(?:hosts|hostname|resolv\.conf|mtab|passwd|group))?|run(?:\/.*)?)$/.test(
            line,
          ),
      ),
    ).toEqual([])
  })

  test('is for a user with a number, one volume, and the ports of the documents', async () => {
    const [about] = JSON.parse(await podman('image', 'inspect', 'rcptwise')) as [
      { readonly Config: unknown },
    ]
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
    await builder?.podman.write(
      '/srv/config.yaml',
      'listen: [0.0.0.0:2525]\nbackends: { servers: [] }\n',
    )
    const ran = await builder?.podman.run('podman', [
      'run',
      '--rm',
      ...hardened,
      '-v',
      '/srv/config.yaml:/etc/rcptwise/config.yaml:ro',
      'rcptwise',
    ])
    expect(ran?.transcript).toMatch(/config\.yaml:2:1: backends/)
    expect(ran).toMatchObject({ code: endings.configuration.code })
  })

  test(
    'compose.yaml: five services, mail that rspamd lets pass and mail that it refuses, what Prometheus sees',
    { timeout: 240_000 },
    async () => {
      if (builder === undefined) throw new Error('There is no machine')
      const { services } = parse(
        await readFile(path.join(project, 'deploy/compose/compose.yaml'), 'utf8'),
      ) as {
        readonly services: Readonly<Record<string, Service>>
      }
      await startStack(builder.podman, services)
      const running = await podman(
        'ps',
        '--filter',
        'name=rcptwise_',
        '--format',
        '{{.Names}} {{.Image}}',
      )
      for (const [name, { image }] of Object.entries(services))
        expect(running).toMatch(new RegExp(`^rcptwise_${name}_1 \\S*${image}\\b`, 'm'))
      await healthy('rcptwise_rcptwise_1')

      const port = await builder.podman.reach(2525)
      const client = await until(
        'rspamd has started, and mail is taken',
        async () => {
          const tried = await Client.connect(port)
          await tried.reply()
          await tried.ask('EHLO client.test')
          await tried.ask('MAIL FROM:<s@client.test>')
          // Postfix hears of MAIL with the first recipient.
          if (/^550 5\.1\.1 /.test(await tried.ask('RCPT TO:<nobody@example.org>'))) return tried
          tried.close()
          return undefined
        },
        { explain: async () => await podman('logs', 'rcptwise_postfix_1') },
      )
      const send = async (text: string, ...to: readonly string[]): Promise<string> => {
        for (const command of [
          'MAIL FROM:<s@client.test>',
          ...to.map((name) => `RCPT TO:<${name}@example.org>`),
          'DATA',
        ]) {
          expect(await client.ask(command)).toMatch(/^(?:250|354) /)
        }
        return await client.ask(`From: s@client.test\r\nSubject: hello\r\n\r\n${text}\r\n.`)
      }
      await client.ask('RSET')
      expect(await send('Good morning.', 'ann')).toMatch(/^250 /)
      expect(await send(gtube, 'cho')).toMatch(/^5\d\d .*Gtube/i)
      client.close()
      const postfix = async (...args: readonly string[]): Promise<string> =>
        await podman('exec', 'rcptwise_postfix_1', ...args)
      await until(
        'ann has it',
        async () =>
          (await postfix('ls', '/var/mail')).includes('ann') &&
          (await postfix('ls', '/var/mail/ann/new')) !== '',
      )
      // The client came through the gateway of the network, and Postfix was told so (XCLIENT).
      const log = await podman('logs', 'rcptwise_postfix_1')
      const own = (
        await podman(
          'inspect',
          '--format',
          '{{range .NetworkSettings.Networks}}{{.IPAddress}} {{.Gateway}}{{end}}',
          'rcptwise_rcptwise_1',
        )
      ).trim()
      const [address = '', gateway = ''] = own.split(' ')
      const clients = [...log.matchAll(/: client=\S+\[(.*?)\]/g)].map(([, told]) => told)
      expect(new Set(clients)).toEqual(new Set([gateway]))
      expect(clients).not.toContain(address)

      const prometheus = await builder.podman.reach(9090)
      const ask = async (what: string): Promise<string> =>
        await (await fetch(`http://127.0.0.1:${prometheus}/api/v1/${what}`)).text()
      expect(await ask('rules?type=alert')).toContain('Rcptwise')
      await until('Prometheus has what Rcptwise counts', async () =>
        (await ask('query?query=rcptwise_recipients_total')).includes('accept'),
      )
      const seen =
        "fetch('http://127.0.0.1:9090/-/ready').then(async (r) => console.log(await r.text()))"
      expect(await podman('exec', 'rcptwise_grafana_1', 'node', '-e', seen)).toMatch(/Ready/)
      const [provided = ''] =
        /(?<=path: ).*/.exec(
          await podman(
            'exec',
            'rcptwise_grafana_1',
            'sh',
            '-c',
            'cat /etc/grafana/provisioning/dashboards/*',
          ),
        ) ?? []
      expect(await podman('exec', 'rcptwise_grafana_1', 'ls', provided)).toContain(
        'rcptwise-overview.json',
      )
    },
  )
})
