/**
 * Debian's rspamd in a place of its own: a normal worker on a port of 127.0.0.1, without network,
 * and with rules of the tests' own in place of the shipped ones.
 */
import { setTimeout as pause } from 'node:timers/promises'
import { Place } from './place.ts'
import { freePort } from './ports.ts'
import { until } from './until.ts'

export interface Rspamd extends AsyncDisposable {
  readonly port: number
  /** `http://127.0.0.1:PORT`. */
  readonly url: string
  /** The same worker, on the host's name of a Unix socket. */
  readonly socketPath: string
  readonly log: () => Promise<string>
  /** Ends it at once. */
  readonly kill: () => Promise<void>
  readonly startAgain: () => Promise<void>
}

export interface RspamdOptions {
  /** More of rspamd's configuration, in its own form. */
  readonly config?: string
  /** More rules, in Lua. */
  readonly rules?: string
  /** More files below /etc/rspamd, by name. */
  readonly files?: Readonly<Record<string, string>>
  /** Its largest message, in bytes; 50 MiB unless given. */
  readonly maxMessageBytes?: number
}

/**
 * Rules by which a test says what a message is worth: `X-Test-Score: 7.5`, `X-Test-Symbol: NAME`,
 * `X-Test-Action: reject | soft reject | quarantine | discard | greylist` (a forced result, with
 * words of its own), `X-Test-Edits: yes` (fields added and removed), `X-Test-Seconds: 3`.
 */
const rules = String.raw`
local function field(task, name)
  return task:get_header(name)
end
local function rule(name, callback, score)
  rspamd_config:register_symbol({ name = name, type = 'normal', callback = callback })
  rspamd_config:set_metric_symbol({ name = name, score = score or 1.0 })
end
rule('TEST_SCORE', function(task)
  local score = tonumber(field(task, 'X-Test-Score') or '')
  if score then task:insert_result('TEST_SCORE', score) end
end)
rule('TEST_SYMBOL', function(task)
  if field(task, 'X-Test-Symbol') then task:insert_result('TEST_SYMBOL', 1.0, field(task, 'X-Test-Symbol')) end
end, 0.0)
rule('TEST_ENVELOPE', function(task)
  local to = {}
  for _, r in ipairs(task:get_recipients('smtp') or {}) do to[#to + 1] = r.addr end
  local from = task:get_from('smtp')
  local ip = task:get_from_ip()
  task:insert_result('TEST_ENVELOPE', 1.0, { 'from=' .. (from and from[1] and from[1].addr or '?'),
    'to=' .. table.concat(to, '+'), 'ip=' .. (ip and ip:is_valid() and ip:to_string() or '?'),
    'helo=' .. (task:get_helo() or '?'), 'name=' .. (task:get_hostname() or '?'),
    'user=' .. (task:get_user() or '?'), 'queue=' .. (task:get_queue_id() or '?') })
end, 0.0)
rspamd_config:register_symbol({ name = 'TEST_FORCED', type = 'prefilter', callback = function(task)
  local action = field(task, 'X-Test-Action')
  if action then task:set_pre_result(action, 'forced ' .. action .. ' by the test', 'test_module') end
end })
rspamd_config:register_symbol({ name = 'TEST_EDITS', type = 'idempotent', callback = function(task)
  if not field(task, 'X-Test-Edits') then return end
  task:set_milter_reply({
    add_headers = { ['X-Added'] = 'one', ['X-Twice'] = { 'a', 'b' }, ['X-Top'] = { value = 'up', order = 0 } },
    remove_headers = { ['X-Remove-All'] = 0, ['X-Remove-Second'] = 2 },
  })
end })
`

const socket = '/run/rspamd/normal.sock'

export async function startRspamd(options: RspamdOptions = {}): Promise<Rspamd> {
  const place = await Place.make('rspamd')
  const port = await freePort()
  for (const directory of ['/var/lib/rspamd', '/run/rspamd'])
    await place.directory(directory, { user: 'root', group: 'root', mode: 0o755 })
  await place.write('/etc/rspamd/tld.dat', 'com\norg\nexample\n')
  await place.write('/etc/rspamd/rules.lua', `${rules}\n${options.rules ?? ''}\n`)
  for (const [name, text] of Object.entries(options.files ?? {}))
    await place.write(`/etc/rspamd/${name}`, text)
  await place.write('/etc/rspamd/test.conf', configuration(port, options))
  let daemon = await start()

  async function start() {
    const daemon = await place.start('/usr/bin/rspamd', [
      ...['-f', '-i', '-u', 'root', '-g', 'root', '-c', '/etc/rspamd/test.conf'],
    ])
    try {
      await until('rspamd answers', async () => daemon.exitCode !== null || (await answers(port)))
      if (daemon.exitCode !== null) throw new Error(`rspamd ended with ${daemon.exitCode}`)
    } catch (error) {
      const said = await place.read('/daemon.log')
      await place[Symbol.asyncDispose]()
      throw new Error(`rspamd did not start:\n${said}`, { cause: error })
    }
    return daemon
  }

  return {
    port,
    url: `http://127.0.0.1:${port}`,
    socketPath: place.host(socket),
    log: async () => await place.read('/daemon.log'),
    async kill() {
      await place.kill()
    },
    async startAgain() {
      daemon = await start()
    },
    async [Symbol.asyncDispose]() {
      daemon.kill('SIGKILL')
      await place[Symbol.asyncDispose]()
    },
  }
}

async function answers(port: number): Promise<boolean> {
  try {
    const response = await fetch(`http://127.0.0.1:${port}/ping`)
    return (await response.text()).startsWith('pong')
  } catch {
    await pause(50)
    return false
  }
}

const configuration = (port: number, { config = '', maxMessageBytes }: RspamdOptions): string => `
options {
  pidfile = "/run/rspamd/rspamd.pid";
  url_tld = "/etc/rspamd/tld.dat";
  disable_hyperscan = true;
  filters = "";
  local_addrs = [];
  dns { nameserver = ["127.0.0.1:9"]; timeout = 0.1s; retransmits = 0; }
  ${maxMessageBytes === undefined ? '' : `max_message = ${maxMessageBytes};`}
}
logging { type = "console"; level = "info"; color = false; }
worker "normal" {
  bind_socket = "127.0.0.1:${port}";
  bind_socket = "${socket} mode=0666";
  count = 1;
}
metric "default" { actions { reject = 15; "add header" = 6; } }
lua = "/etc/rspamd/rules.lua";
${config}
`
