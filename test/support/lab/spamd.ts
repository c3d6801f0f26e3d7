/**
 * Debian's spamd (SpamAssassin) in a place of its own, on a port of 127.0.0.1, without network and
 * with rules of the tests' own: `X-Test-Score: N` for the scores that a test names.
 */
import { connect } from 'node:net'
import { text } from 'node:stream/consumers'
import { Place } from './place.ts'
import { freePort } from './ports.ts'
import { until } from './until.ts'

export interface Spamd extends AsyncDisposable {
  readonly host: string
  readonly port: number
  readonly log: () => Promise<string>
}

/** Scores that have a rule; the user `tolerant@example.org` has one of 1 for each. */
export const spamdScores = [0.5, 3, 7.5, 9.5, 20] as const

export async function startSpamd(): Promise<Spamd> {
  const place = await Place.make('spamd')
  const port = await freePort()
  const rules = spamdScores.map((score) => {
    const name = `TEST_${String(score).replace('.', '_')}`
    return { name, score, pattern: String(score).replace('.', '\\.') }
  })
  await place.write(
    '/etc/sa/rules/10_test.cf',
    rules
      .map(
        ({ name, score, pattern }) =>
          `header ${name} X-Test-Score =~ /^${pattern}$/\nscore ${name} ${score}\n`,
      )
      .join(''),
  )
  await place.write('/etc/sa/site/init.pre', 'loadplugin Mail::SpamAssassin::Plugin::Check\n')
  await place.write('/etc/sa/site/local.cf', 'required_score 5\nuse_bayes 0\n')
  await place.write(
    '/etc/sa/users/tolerant@example.org/user_prefs',
    rules.map(({ name }) => `score ${name} 1\n`).join(''),
  )
  const daemon = await place.start('/usr/sbin/spamd', [
    ...['--local', '--listen', `127.0.0.1:${port}`, '--max-children', '2', '--min-children', '1'],
    ...['--configpath', '/etc/sa/rules', '--siteconfigpath', '/etc/sa/site'],
    ...['--nouser-config', '--virtual-config-dir', '/etc/sa/users/%u', '--username', 'nobody'],
    ...['--allowed-ips', '127.0.0.1', '--syslog', 'stderr', '--pidfile', '/tmp/spamd.pid'],
  ])
  const log = async (): Promise<string> => await place.read('/daemon.log')
  try {
    await until('spamd answers', async () => daemon.exitCode !== null || (await answers(port)))
    if (daemon.exitCode !== null) throw new Error(`spamd ended with ${daemon.exitCode}`)
  } catch (error) {
    const said = await log()
    await place[Symbol.asyncDispose]()
    throw new Error(`spamd did not start:\n${said}`, { cause: error })
  }
  return {
    host: '127.0.0.1',
    port,
    log,
    [Symbol.asyncDispose]: async () => await place[Symbol.asyncDispose](),
  }
}

async function answers(port: number): Promise<boolean> {
  const socket = connect({ host: '127.0.0.1', port })
  try {
    socket.end('PING SPAMC/1.5\r\n\r\n')
    return (await text(socket)).includes('PONG')
  } catch {
    return false
  } finally {
    socket.destroy()
  }
}
