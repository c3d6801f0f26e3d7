/**
 * Tells the service manager how the service is (sd_notify(3)): READY, STATUS, RELOADING, WATCHDOG,
 * STOPPING. Node has no datagram UNIX sockets, so each message is one run of systemd-notify(1),
 * which is wherever systemd is and knows path and abstract sockets; docs/deploy/systemd.md says
 * what follows for the unit.
 */
import { spawn } from 'node:child_process'

export interface ServiceManager {
  /** Start-up is done; `status` is one line that `systemctl status` shows. */
  ready(status: string): void
  /** Sent only when it differs from the last one. */
  status(status: string): void
  /** Another configuration is being read; `ready` follows, whatever came of it. */
  reloading(): void
  /** Shutdown has begun and may take this long, in ms; the manager waits for it. */
  stopping(status: string, limitMs: number): void
  /** Ends the watchdog's timer; resolves when every message was sent. */
  close(): Promise<void>
}

export interface NotifyOptions {
  /** A message could not be sent: in words, once. */
  readonly onTrouble?: (what: string) => void
  /** The program that sends its arguments, `VARIABLE=VALUE` each, in one datagram. */
  readonly program?: string
  /** Default: this process. */
  readonly pid?: number
}

type Environment = Readonly<Record<string, string | undefined>>

const nobody: ServiceManager = {
  ready: () => undefined,
  status: () => undefined,
  reloading: () => undefined,
  stopping: () => undefined,
  close: async () => {
    await Promise.resolve()
  },
}

/**
 * The manager named by $NOTIFY_SOCKET; one that hears nothing when there is none. From `ready` on,
 * and when $WATCHDOG_USEC asks for it, WATCHDOG=1 goes out twice in that time, from a timer: an
 * event loop that hangs sends none and is restarted.
 */
export function openServiceManager(
  environment: Environment,
  options: NotifyOptions = {},
): ServiceManager {
  const socket = environment['NOTIFY_SOCKET'] ?? ''
  if (socket === '') return nobody
  const { program = 'systemd-notify', pid = process.pid, onTrouble = () => undefined } = options
  const env = { NOTIFY_SOCKET: socket, PATH: environment['PATH'] ?? '/usr/bin:/bin' }
  let sent = Promise.resolve()
  let waiting = 0
  let troubled = false
  let lastStatus = ''
  let watchdog: NodeJS.Timeout | undefined

  const send = (...assignments: readonly string[]): void => {
    waiting++
    sent = sent.then(async () => {
      const trouble = await runToEnd(program, assignments, env)
      waiting--
      if (trouble === undefined || troubled) return
      troubled = true
      onTrouble(
        `the service manager at ${socket} could not be told ${assignments.join(' ')}: ${trouble}`,
      )
    })
  }
  const statusLine = (status: string): string => {
    lastStatus = status
    return `STATUS=${status.replaceAll(/\s+/g, ' ')}`
  }
  return {
    ready(status) {
      send('READY=1', statusLine(status))
      const everyMs = watchdogInterval(environment, pid)
      // A message that still waits is proof enough when it goes out; more of them would only pile
      // up.
      if (everyMs !== undefined)
        watchdog ??= setInterval(() => waiting === 0 && send('WATCHDOG=1'), everyMs)
    },
    status(status) {
      if (status !== lastStatus) send(statusLine(status))
    },
    reloading() {
      // Of the clock that systemd compares it with: CLOCK_MONOTONIC.
      send('RELOADING=1', `MONOTONIC_USEC=${process.hrtime.bigint() / 1000n}`)
    },
    stopping(status, limitMs) {
      send('STOPPING=1', `EXTEND_TIMEOUT_USEC=${limitMs * 1000}`, statusLine(status))
    },
    async close() {
      clearInterval(watchdog)
      await sent
    },
  }
}

/**
 * Ms between two signs of life: half of what sd_watchdog_enabled(3) says; undefined when nobody
 * waits for them.
 */
export function watchdogInterval(environment: Environment, pid: number): number | undefined {
  const { WATCHDOG_USEC: limit = '', WATCHDOG_PID: meant = '' } = environment
  if (!/^[1-9]\d{0,15}$/.test(limit)) return undefined
  if (meant !== '' && meant !== String(pid)) return undefined
  return Math.min(Math.max(Math.floor(Number(limit) / 2000), 1), 2 ** 31 - 1)
}

/**
 * Resolves with what went wrong, in words; undefined when the program ended well. A run that hangs
 * is killed after 10 s.
 */
async function runToEnd(
  program: string,
  args: readonly string[],
  env: Readonly<Record<string, string>>,
): Promise<string | undefined> {
  return await new Promise((resolve) => {
    const child = spawn(program, args, {
      env,
      stdio: ['ignore', 'ignore', 'pipe'],
      timeout: 10_000,
    })
    let said = ''
    child.stderr.setEncoding('utf8').on('data', (text: string) => (said += text))
    child.on('error', (error) => resolve(`${program} can't be started: ${error.message}`))
    child.on('close', (code, signal) => {
      resolve(
        code === 0
          ? undefined
          : `${program} ended with ${code ?? signal ?? 'nothing'}: ${said.trim()}`,
      )
    })
  })
}
