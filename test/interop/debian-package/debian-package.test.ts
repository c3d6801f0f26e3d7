/**
 * The Debian package, built by deploy/debian/build.sh, as an administrator meets it.
 *
 *   lintian ─▶ the package
 *   dpkg -i in a clean Debian ─▶ serve as the package's user ◀─ a client with one message; remove; purge
 *   dpkg -i in a booted Debian ─▶ systemd starts the hardened unit, watches it, hands it sockets
 */
import { spawn, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { existsSync } from 'node:fs'
import { copyFile, mkdir, mkdtemp, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises'
import { connect } from 'node:net'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { makeSelfSigned } from '../../../src/tls/self-signed.ts'
import { play } from '../../support/dialogue.ts'
import { interopObstacle } from '../../support/lab/availability.ts'
import { freePort } from '../../support/lab/ports.ts'
import { mustRun, run } from '../../support/lab/run.ts'
import { until } from '../../support/lab/until.ts'
import { boot, type Booted } from './booted.ts'
import { copyOf, debianRoot } from './debian-root.ts'

const project = path.join(import.meta.dirname, '..', '..', '..')
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
  C: Subject: packaged
  C:
  C: hello
  C: .
  C: QUIT
  S: 250 *
  S: 221 *
  S: <end>`

describe.skipIf(interopObstacle() !== undefined)('the Debian package', () => {
  let directory = ''
  let file = ''

  beforeAll(async () => {
    directory = await mkdtemp(path.join(tmpdir(), 'rcptwise-package-'))
    // npm may need what the machine says about registries and certificates.
    const env = { ...(process.env as Record<string, string>), RCPTWISE_DEB_COMPRESSION: 'gzip' }
    const build = path.join(project, 'deploy', 'debian', 'build.sh')
    file = (await mustRun(build, [directory], { env, limitMs: 380_000 })).stdout.trim()
  }, 400_000)
  afterAll(async () => {
    await rm(directory, { recursive: true, force: true })
  })

  test('lintian finds no error in it', { timeout: 400_000 }, async () => {
    const root = await debianRoot('tools')
    // Bind mounts that end with the process keep the shared root as it is.
    const check =
      'mount --bind "$2" "$1/mnt" && mount -t tmpfs tmpfs "$1/tmp" && exec chroot "$1" lintian --allow-root "/mnt/$3"'
    const args = [
      '--mount',
      '--fork',
      '--kill-child',
      'sh',
      '-c',
      check,
      'sh',
      root,
      directory,
      path.basename(file),
    ]
    const { code, transcript } = await run('/usr/bin/unshare', args, { limitMs: 380_000 })
    expect(transcript.split('\n').filter((line) => /^[EW]:/.test(line))).toEqual([])
    expect({ code, transcript }).toMatchObject({ code: 0 })
  })

  test(
    'installs, serves a message, is removed and purged without a trace',
    { timeout: 400_000 },
    async () => {
      await using root = await copyOf('clean')
      const before = await filesOf(root.directory)
      await copyFile(file, path.join(root.directory, 'package.deb'))
      expect(await root.run('dpkg', '-i', '/package.deb')).toMatchObject({ code: 0 })
      await rm(path.join(root.directory, 'package.deb'))

      expect(await root.run('dpkg', '--verify', 'rcptwise')).toMatchObject({ code: 0, stdout: '' })
      expect(await root.run('rcptwise', '--version')).toMatchObject({ code: 0, stdout: '0.1.0\n' })
      const checked = await root.run('rcptwise', 'check', '--config', '/etc/rcptwise/config.yaml')
      expect(checked).toMatchObject({ code: 0 })

      const server = await serveIn(root.directory)
      try {
        await play(server.port, message)
        expect(await server.stop()).toBe(0)
      } finally {
        await server.kill()
      }
      const mailbox = path.join(root.directory, 'var/lib/rcptwise/mail/ann@example.org/new')
      const [name = ''] = await readdir(mailbox)
      expect(await readFile(path.join(mailbox, name), 'latin1')).toContain('Subject: packaged\r\n')

      const own = '# changed by the administrator\n'
      await writeFile(path.join(root.directory, 'etc/rcptwise/config.yaml'), own)
      expect(await root.run('dpkg', '--remove', 'rcptwise')).toMatchObject({ code: 0 })
      expect(existsSync(path.join(root.directory, 'usr/bin/rcptwise'))).toBe(false)
      expect(existsSync(mailbox)).toBe(true)
      expect(await readFile(path.join(root.directory, 'etc/rcptwise/config.yaml'), 'utf8')).toBe(
        own,
      )
      expect(await root.run('dpkg', '--purge', 'rcptwise')).toMatchObject({ code: 0 })
      expect(await filesOf(root.directory)).toEqual(before)
      expect(await readFile(path.join(root.directory, 'etc/passwd'), 'utf8')).not.toContain(
        'rcptwise',
      )
    },
  )

  test(
    'started as root with run_as it opens port 25 and the key, and is root no more',
    { timeout: 400_000 },
    async () => {
      await using root = await copyOf('clean')
      await copyFile(file, path.join(root.directory, 'package.deb'))
      expect(await root.run('dpkg', '-i', '/package.deb')).toMatchObject({ code: 0 })
      const { key, cert } = await makeSelfSigned('mx.example.org', Date.now())
      await writeFile(path.join(root.directory, 'srv/mx.key'), key, { mode: 0o600 })
      await writeFile(path.join(root.directory, 'srv/mx.pem'), cert)
      const address = privilegedAddress()
      const config = [
        `listen: ["127.0.0.1:0", "${address}:25"]`,
        'tls: { certificates: [{ cert: /srv/mx.pem, key: /srv/mx.key }] }',
        'data_directory: /srv/mail/rcptwise',
        'run_as: rcptwise',
        'admin: off',
      ]
      await writeFile(path.join(root.directory, 'etc/rcptwise/config.yaml'), config.join('\n'))
      const server = await serveIn(root.directory, 'root')
      try {
        expect(await greeting(address)).toMatch(/^220 /)
        await play(server.port, message)
        const uid = /^rcptwise:x:(\d+):(\d+)/m.exec(
          await readFile(path.join(root.directory, 'etc/passwd'), 'utf8'),
        )
        const [, user = '', group = ''] = uid ?? []
        for (const thread of await readdir(`/proc/${server.pid}/task`)) {
          const status = await readFile(`/proc/${server.pid}/task/${thread}/status`, 'latin1')
          expect(status).toMatch(new RegExp(`^Uid:(\t${user}){4}$`, 'm'))
          expect(status).toMatch(new RegExp(`^Gid:(\t${group}){4}$`, 'm'))
          expect(status).toMatch(new RegExp(`^Groups:\t${group} *$`, 'm'))
          expect(status).toMatch(/^CapPrm:\t0+$/m)
        }
        for (const name of await readdir(path.join(root.directory, 'srv/mail/rcptwise'), {
          recursive: true,
        })) {
          const { uid: owner } = await stat(path.join(root.directory, 'srv/mail/rcptwise', name))
          expect(`${name} belongs to ${owner}`).toBe(`${name} belongs to ${user}`)
        }
        expect(await server.stop()).toBe(0)
      } finally {
        await server.kill()
      }
    },
  )

  describe('in a booted Debian', () => {
    let debian: Booted
    let port = 0
    const privileged = privilegedAddress()

    beforeAll(async () => {
      debian = await boot()
      await copyFile(file, path.join(debian.directory, 'package.deb'))
      expect(await debian.run('dpkg', '-i', '/package.deb')).toMatchObject({ code: 0 })
      port = await freePort()
      const listen = `listen: ["127.0.0.1:${port}", "${privileged}:25"]`
      await write(
        '/etc/rcptwise/config.yaml',
        `${listen}\nadmin: off\ndata_directory: /var/lib/rcptwise\n`,
      )
      await write(
        '/etc/systemd/system/rcptwise.service.d/fast.conf',
        '[Service]\nWatchdogSec=6s\nTimeoutAbortSec=1s\n',
      )
    }, 400_000)
    afterAll(async () => {
      await debian[Symbol.asyncDispose]()
    })

    const write = async (inside: string, text: string): Promise<void> => {
      const outside = path.join(debian.directory, inside)
      await mkdir(path.dirname(outside), { recursive: true })
      await writeFile(outside, text)
    }
    const systemctl = async (...args: readonly string[]): Promise<void> => {
      const ran = await debian.run('systemctl', ...args)
      if (ran.code === 0) return
      const { stdout } = await debian.run(
        'journalctl',
        '--no-pager',
        '--lines=40',
        '--unit=rcptwise.service',
      )
      throw new Error(`systemctl ${args.join(' ')}: ${ran.transcript}\n${stdout}`)
    }
    const property = async (name: string): Promise<string> =>
      (
        await debian.run('systemctl', 'show', '--value', `--property=${name}`, 'rcptwise.service')
      ).stdout.trim()
    const state = async (): Promise<string> =>
      (await debian.run('cat', `/proc/${await property('MainPID')}/status`)).stdout

    test('installed means neither started nor enabled', async () => {
      expect(await property('ActiveState')).toBe('inactive')
      expect(await property('UnitFileState')).toBe('disabled')
    })

    test('the hardened unit starts, tells systemd when it is ready, and takes mail, also on port 25', async () => {
      await systemctl('daemon-reload')
      await systemctl('enable', '--now', 'rcptwise.service')
      expect(await property('StatusText')).toBe(`listening on 127.0.0.1:${port}, ${privileged}:25`)
      await play(port, message)
      expect(await greeting(privileged)).toMatch(/^220 /)
      const status = await state()
      expect(status).not.toMatch(/^Uid:\t0/m)
      expect(status).toMatch(/^CapPrm:\t0{13}400$/m) // CAP_NET_BIND_SERVICE is bit 10
      expect(status).toMatch(/^CapBnd:\t0{13}400$/m)
      expect(status).toMatch(/^NoNewPrivs:\t1$/m)
      expect(status).toMatch(/^Seccomp:\t2$/m)
    })

    test('systemd has nothing to say against the units, and finds little that is open', async () => {
      const verified = await debian.run(
        'systemd-analyze',
        'verify',
        '--man=no',
        'rcptwise.service',
        'rcptwise.socket',
      )
      expect(verified).toMatchObject({ code: 0, transcript: '' })
      const rated = await debian.run(
        'systemd-analyze',
        'security',
        '--no-pager',
        'rcptwise.service',
      )
      const exposure = /Overall exposure level for rcptwise\.service: ([\d.]+)/.exec(
        rated.stdout,
      )?.[1]
      expect(Number(exposure)).toBeLessThan(2)
    })

    test('systemctl reload: the configuration is read anew, by the same process', async () => {
      const pid = await property('MainPID')
      await systemctl('reload', 'rcptwise')
      await until('it says so', async () => {
        const { stdout } = await debian.run(
          'journalctl',
          '-u',
          'rcptwise',
          '-o',
          'cat',
          '--no-pager',
        )
        return stdout.includes('"event":"configLoaded"')
      })
      expect(await property('MainPID')).toBe(pid)
      await play(port, message)
    })

    test('it stays while it gives signs of life, and is started anew when it hangs', async () => {
      const first = await property('MainPID')
      const sign = async (): Promise<number> => Number(await property('WatchdogTimestampMonotonic'))
      // Three, twice in the watchdog's time each: longer than it waits for one.
      for (let signs = 0; signs < 3; signs++) {
        const seen = await sign()
        await until('it gives a sign of life', async () => (await sign()) > seen)
      }
      expect(await property('MainPID')).toBe(first)
      expect(await property('NRestarts')).toBe('0')
      expect(await debian.run('sh', '-c', `kill -STOP ${first}`)).toMatchObject({ code: 0 })
      await until('systemd has started it anew', async () => {
        return (await property('NRestarts')) === '1' && (await property('ActiveState')) === 'active'
      })
      expect(await property('MainPID')).not.toBe(first)
      await play(port, message)
    })

    test('systemctl stop ends it well', async () => {
      await systemctl('stop', 'rcptwise.service')
      expect(await property('Result')).toBe('success')
      expect(await property('ExecMainStatus')).toBe('0')
      await expect(greeting(privileged)).rejects.toThrow('ECONNREFUSED')
    })

    test('a configuration with a mistake is told, and not tried again and again', async () => {
      const good = await readFile(path.join(debian.directory, 'etc/rcptwise/config.yaml'), 'utf8')
      await write('/etc/rcptwise/config.yaml', `${good}lisen: []\n`)
      await expect(systemctl('start', 'rcptwise.service')).rejects.toThrow('lisen')
      expect(await property('NRestarts')).toBe('0')
      await write('/etc/rcptwise/config.yaml', good)
      await systemctl('reset-failed', 'rcptwise.service')
    })

    test('with rcptwise.socket systemd opens the ports, the first client starts it, and it has no privilege at all', async () => {
      const sockets = `ListenStream=\nListenStream=127.0.0.1:${port}\nListenStream=${privileged}:25`
      await write('/etc/systemd/system/rcptwise.socket.d/ports.conf', `[Socket]\n${sockets}\n`)
      const dropIn = '/etc/systemd/system/rcptwise.service.d/socket-activated.conf'
      await debian.run(
        'cp',
        '/lib/systemd/system/rcptwise.service.d/socket-activated.conf.example',
        dropIn,
      )
      await systemctl('daemon-reload')
      await systemctl('start', 'rcptwise.socket')
      expect(await property('ActiveState')).toBe('inactive')
      expect(await greeting(privileged)).toMatch(/^220 /)
      await play(port, message)
      const status = await state()
      expect(status).toMatch(/^CapPrm:\t0+$/m)
      expect(status).toMatch(/^CapBnd:\t0+$/m)
      await systemctl('restart', 'rcptwise.service')
      expect(await greeting(privileged)).toMatch(/^220 /)
      await systemctl('stop', 'rcptwise.socket', 'rcptwise.service')
      expect(await property('Result')).toBe('success')
    })

    test('removing the package stops it', async () => {
      await rm(
        path.join(debian.directory, 'etc/systemd/system/rcptwise.service.d/socket-activated.conf'),
      )
      await systemctl('daemon-reload')
      await systemctl('start', 'rcptwise.service')
      expect(await debian.run('dpkg', '--purge', 'rcptwise')).toMatchObject({ code: 0 })
      await expect(greeting(privileged)).rejects.toThrow('ECONNREFUSED')
    })

    test('nothing had to be killed because it did not end in time, and systemd heard all that it was told', async () => {
      const { stdout } = await debian.run('journalctl', '--no-pager', '-u', 'rcptwise.service')
      expect(stdout).not.toMatch(/timed out\. Killing|could not be told/)
    })
  })
})

/** Everything below a root, but for what dpkg writes about itself and times of day. */
async function filesOf(root: string): Promise<string[]> {
  const names = await readdir(root, { recursive: true })
  const ownRecords =
    /^(var\/lib\/dpkg\/|var\/log\/|var\/cache\/ldconfig|etc\/(passwd|group|shadow|gshadow|subuid|subgid)-?$|tmp\/|run\/|package\.deb)/
  return names.filter((name) => !ownRecords.test(name)).toSorted()
}

/** An address of this host of which nothing else takes port 25. */
const privilegedAddress = (): string => `127.${100 + (process.pid % 100)}.${process.pid % 251}.25`

interface ServingRoot {
  readonly pid: number
  /** Of 127.0.0.1. */
  readonly port: number
  /** Asks it to end, and gives its exit code. */
  readonly stop: () => Promise<number | null>
  readonly kill: () => Promise<void>
}

/**
 * `rcptwise serve` in a root: as the package's user on a free port, or as root on what the
 * configuration says.
 */
async function serveIn(root: string, user: 'rcptwise' | 'root' = 'rcptwise'): Promise<ServingRoot> {
  const serve = ['/usr/bin/rcptwise', 'serve', '--config', '/etc/rcptwise/config.yaml']
  const options = user === 'root' ? [] : ['--listen', '127.0.0.1:0', '--admin', 'off']
  const child: ChildProcess = spawn(
    '/usr/sbin/chroot',
    [`--userspec=${user}`, root, ...serve, ...options],
    {
      stdio: ['ignore', 'pipe', 'pipe'],
      env: { PATH: '/usr/bin:/bin' },
    },
  )
  const ended = once(child, 'exit') as Promise<[number | null]>
  let said = ''
  for (const stream of [child.stdout, child.stderr])
    stream?.on('data', (text: Buffer) => (said += text.toString()))
  const kill = async (): Promise<void> => {
    child.kill('SIGKILL')
    await ended
  }
  try {
    const port = await until(
      'serve has started',
      () => {
        if (child.exitCode !== null) throw new Error(`serve ended with ${child.exitCode}`)
        return /"listening":\["127\.0\.0\.1:(\d+)"/.exec(said)?.[1]
      },
      { explain: () => said },
    )
    const stop = async (): Promise<number | null> => {
      child.kill('SIGTERM')
      const [code] = await ended
      return code
    }
    return { pid: child.pid ?? 0, port: Number(port), stop, kill }
  } catch (error) {
    await kill()
    throw new Error(said, { cause: error })
  }
}

/** The first line that port 25 of an address says. */
async function greeting(host: string): Promise<string> {
  const socket = connect(25, host)
  socket.setTimeout(60_000, () =>
    socket.destroy(new Error(`port 25 of ${host} says nothing for 60 s`)),
  )
  try {
    const [line] = (await once(socket, 'data')) as [Buffer]
    return line.toString('latin1')
  } finally {
    socket.destroy()
  }
}
