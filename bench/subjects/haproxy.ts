/**
 * HAProxy in TCP mode, as its package sets it up: what a proxy in C does that knows nothing of
 * SMTP.
 */
import { Place } from '../../test/support/lab/place.ts'
import { freePort, greets } from '../../test/support/lab/ports.ts'
import { until } from '../../test/support/lab/until.ts'
import type { Subject } from '../subject.ts'

const configuration = (port: number, sinkPort: number): string => `
global
  maxconn 2000
defaults
  mode tcp
  timeout connect 10s
  timeout client 60s
  timeout server 60s
listen mail
  bind 127.0.0.1:${port}
  server sink 127.0.0.1:${sinkPort}
`

export const haproxy: Subject = {
  name: 'haproxy',
  start: async (sinkPort) => {
    const place = await Place.make('haproxy')
    const stop = async (): Promise<void> => await place[Symbol.asyncDispose]()
    try {
      const port = await freePort()
      await place.write('/etc/haproxy/haproxy.cfg', configuration(port, sinkPort))
      const daemon = await place.start('/usr/sbin/haproxy', [
        '-db',
        '-f',
        '/etc/haproxy/haproxy.cfg',
      ])
      await until('HAProxy listens', async () => daemon.exitCode !== null || (await greets(port)))
      if (daemon.exitCode !== null)
        throw new Error(`HAProxy ended: ${await place.read('/daemon.log')}`)
      return { port, ...(daemon.pid === undefined ? {} : { pid: daemon.pid }), stop }
    } catch (error) {
      await stop()
      throw error
    }
  },
}
