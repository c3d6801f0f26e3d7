/**
 * A real rspamd for the demonstration, if one is installed: a process of its own, with one rule,
 * on a Unix socket in a directory of its own. The site's rspamd has no part in it.
 */
import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { access, constants, writeFile } from 'node:fs/promises'
import { request } from 'node:http'
import { delimiter, join } from 'node:path'
import { setTimeout as pause } from 'node:timers/promises'

/** 9.5 points, between the limits of those who want the message and of one who does not. */
const rule = `
rspamd_config.DEMO_EVERYTHING_MUST_GO = {
  callback = function(task)
    local body = task:get_rawbody()
    return body ~= nil and tostring(body):find('Everything must go!', 1, true) ~= nil
  end,
  score = 9.5,
  description = 'A rule of the demonstration',
}
`

const configuration = (directory: string): string => `
options {
  pidfile = "${directory}/rspamd.pid";
  url_tld = "${directory}/tld.dat";
  disable_hyperscan = true;
  filters = "";
  dns { nameserver = ["127.0.0.1:9"]; timeout = 0.1s; retransmits = 0; }
}
logging { type = "console"; level = "error"; color = false; }
worker "normal" { bind_socket = "${directory}/rspamd.sock mode=0600"; count = 1; }
metric "default" { actions { reject = 15; "add header" = 6; } }
lua = "${directory}/rules.lua";
`

export interface InstalledRspamd extends AsyncDisposable {
  /** For `judges: [{ rspamd: { url } }]`. */
  readonly url: string
}

/** Its program; undefined where none is installed. */
export async function findRspamd(): Promise<string | undefined> {
  const folders = [...(process.env['PATH'] ?? '').split(delimiter), '/usr/sbin', '/usr/bin']
  for (const folder of folders) {
    const file = join(folder, 'rspamd')
    try {
      await access(file, constants.X_OK)
      return file
    } catch {
      // It may be in the next one.
    }
  }
  return undefined
}

/** How long it may take until it answers, ms: it compiles its rules. */
const startLimitMs = 30_000
const askEveryMs = 100

/** @throws where it ends by itself, or does not answer in time */
export async function startInstalledRspamd(
  program: string,
  directory: string,
): Promise<InstalledRspamd> {
  await writeFile(join(directory, 'tld.dat'), 'com\norg\nexample\n')
  await writeFile(join(directory, 'rules.lua'), rule)
  await writeFile(join(directory, 'rspamd.conf'), configuration(directory))
  const daemon = spawn(
    program,
    [
      ...['-f', '-i', '-c', join(directory, 'rspamd.conf')],
      ...[`--var=DBDIR=${directory}`, `--var=RUNDIR=${directory}`],
    ],
    { stdio: 'ignore' },
  )
  daemon.on('error', () => undefined)
  const socketPath = join(directory, 'rspamd.sock')
  try {
    await answering(daemon, socketPath)
  } catch (error) {
    await end(daemon)
    throw error
  }
  return {
    url: `http+unix://${socketPath}`,
    [Symbol.asyncDispose]: async () => await end(daemon),
  }
}

async function answering(daemon: ChildProcess, socketPath: string): Promise<void> {
  for (let waited = 0; waited < startLimitMs; waited += askEveryMs) {
    if (hasEnded(daemon)) throw new Error('it ended by itself')
    if (await answers(socketPath)) return
    await pause(askEveryMs)
  }
  throw new Error(`it did not answer in ${startLimitMs / 1000} seconds`)
}

const answers = async (socketPath: string): Promise<boolean> =>
  await new Promise((resolve) => {
    request({ socketPath, path: '/ping', agent: false }, (response) => {
      response.resume()
      resolve(response.statusCode === 200)
    })
      .once('error', () => resolve(false))
      .end()
  })

const hasEnded = ({ exitCode, signalCode, pid }: ChildProcess): boolean =>
  exitCode !== null || signalCode !== null || pid === undefined

async function end(daemon: ChildProcess): Promise<void> {
  if (hasEnded(daemon)) return
  daemon.kill('SIGTERM')
  await once(daemon, 'exit')
}
