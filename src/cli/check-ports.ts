/**
 * The part of `check` that tries the ports: could `serve` listen there? All are open at once, as
 * `serve` has them, and closed again before anybody could have connected for long.
 */
import { createServer, type Server } from 'node:net'
import { getHealth } from '../admin/operations/health.ts'
import type { Config } from '../config/config.ts'
import { request } from './admin-client.ts'
import { errorInWords } from './error-in-words.ts'
import { bad, type Finding, ok, warning } from './finding.ts'

interface Place {
  readonly key: string
  readonly host: string
  readonly port: number
}

/** Never rejects. */
export async function checkPorts(config: Config): Promise<readonly Finding[]> {
  const running = await isServing(config)
  const opened: Server[] = []
  const findings: Finding[] = []
  try {
    for (const place of placesOf(config)) {
      const tried = await open(place)
      if (!(tried instanceof Error)) opened.push(tried)
      findings.push(found(place, tried instanceof Error ? tried : undefined, running))
    }
    return findings
  } finally {
    await Promise.all(opened.map(close))
  }
}

function placesOf({ listen, admin }: Config): readonly Place[] {
  const places = listen.map(({ host, port }) => ({ key: 'listen', host, port }))
  return admin === undefined ? places : [...places, { key: 'admin.listen', ...admin.listen }]
}

const nameOf = ({ host, port }: Place): string =>
  host.includes(':') ? `[${host}]:${port}` : `${host}:${port}`

/** Port 0 is any that is free. */
async function open({ host, port }: Place): Promise<Server | Error> {
  const server = createServer((socket) => socket.destroy())
  return await new Promise((resolve) => {
    server.once('error', resolve)
    server.listen({ host, port, exclusive: true }, () => resolve(server))
  })
}

const close = async (server: Server): Promise<void> =>
  await new Promise((resolve) => {
    server.close(() => resolve())
  })

function found(place: Place, error: NodeJS.ErrnoException | undefined, running: Running): Finding {
  const name = nameOf(place)
  if (error === undefined) return ok(place.key, `${name} is free`, name)
  if (error.code === 'EADDRINUSE' && running === 'yes')
    return ok(place.key, `${name} is in use, and a Rcptwise runs here already`, name)
  if (error.code === 'EADDRINUSE' && running === 'nobody says')
    return warning(
      place.key,
      `${name} is in use, by the Rcptwise that runs here or by another program (admin: off)`,
      name,
    )
  if (error.code === 'EACCES')
    return warning(
      place.key,
      `${name} can not be tried by this user; \`serve\` needs CAP_NET_BIND_SERVICE for ports below 1024, or root and run_as`,
      name,
    )
  return bad(place.key, errorInWords(error), name)
}

type Running = 'yes' | 'no' | 'nobody says'

/** It has the ports itself, and they are free when it is started anew. */
async function isServing({ admin }: Config): Promise<Running> {
  if (admin === undefined || admin.listen.port === 0) return 'nobody says'
  const url = URL.parse(`http://${nameOf({ key: '', ...admin.listen })}`)
  if (url === null) return 'nobody says'
  try {
    const { healthy } = await request({ url, token: undefined }, getHealth)
    return healthy ? 'yes' : 'no'
  } catch {
    return 'no'
  }
}
