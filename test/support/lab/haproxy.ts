/**
 * HAProxy 2.6 in a place of its own, in front of one server that it tells the client (PROXY
 * protocol, version 2).
 */
import { networkInterfaces } from 'node:os'
import { Place } from './place.ts'
import { freePort, greets } from './ports.ts'
import { until } from './until.ts'

export interface Haproxy extends AsyncDisposable {
  /** On 127.0.0.1, and on ::1 where the host has it. */
  readonly port: number
  readonly log: () => Promise<string>
}

/** Whether this host has ::1: a container may have no IPv6. */
export const hasLoopback6 = (): boolean =>
  Object.values(networkInterfaces()).some(
    (addresses) => addresses?.some(({ address }) => address === '::1') === true,
  )

/**
 * Its checks are those of its manual for SMTP: an EHLO each 200 ms, behind a PROXY header of their
 * own (LOCAL). An answer may take its time: without `timeout check` it would have 200 ms, and the
 * server would be out of use on a busy machine.
 */
const configuration = (port: number, server: number): string => `defaults
  mode tcp
  timeout connect 60s
  timeout check 60s
  timeout client 120s
  timeout server 120s
frontend mx
  bind 127.0.0.1:${port}
${hasLoopback6() ? `  bind ::1:${port}\n` : ''}  default_backend rcptwise
backend rcptwise
  option smtpchk EHLO haproxy.test
  server one 127.0.0.1:${server} send-proxy-v2 check check-send-proxy inter 200ms
`

/**
 * Starts it in front of a server on a port of 127.0.0.1; it is ready when that server has passed
 * its check.
 */
export async function startHaproxy(server: number): Promise<Haproxy> {
  const place = await Place.make('haproxy')
  const port = await freePort()
  await place.write('/etc/haproxy.cfg', configuration(port, server))
  const log = async (): Promise<string> => await place.read('/daemon.log')
  const daemon = await place.start('/usr/sbin/haproxy', ['-db', '-f', '/etc/haproxy.cfg'])
  try {
    await until('HAProxy passes on', async () => daemon.exitCode !== null || (await greets(port)))
    if (daemon.exitCode !== null) throw new Error(`HAProxy ended with ${daemon.exitCode}`)
  } catch (error) {
    const said = await log()
    await place[Symbol.asyncDispose]()
    throw new Error(`HAProxy did not start:\n${said}`, { cause: error })
  }
  return {
    port,
    log,
    [Symbol.asyncDispose]: async () => {
      await place[Symbol.asyncDispose]()
    },
  }
}
