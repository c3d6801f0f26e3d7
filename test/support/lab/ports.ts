/** Ports for mail servers that must be told theirs. */
import { randomInt } from 'node:crypto'
import { createServer, connect, type Server } from 'node:net'
import { once } from 'node:events'

/**
 * Below those that the kernel gives to outgoing connections (32768 and up), any of which could take
 * the port in between.
 */
const lowest = 12_000
const highest = 32_000

/**
 * What other test files, and other runs on this machine, take for given: a socket in the abstract
 * namespace (unix(7)) by the name of each port. The kernel lets one process have it, and takes it
 * back when that ends.
 */
const given = new Set<Server>()

/**
 * A port of 127.0.0.1 that nobody listens on, and that no other caller on this machine is given
 * while this process runs.
 */
export async function freePort(): Promise<number> {
  for (let tries = 0; tries < 200; tries += 1) {
    const port = randomInt(lowest, highest)
    const claim = await listening(createServer().listen(`\0rcptwise-port-${port}`))
    if (claim === undefined) continue
    claim.unref()
    given.add(claim)
    const probe = await listening(createServer().listen(port, '127.0.0.1'))
    if (probe === undefined) continue
    const closed = once(probe, 'close')
    probe.close()
    await closed
    return port
  }
  throw new Error(`No free port between ${lowest} and ${highest}`)
}

/** The server once it listens; undefined when somebody else does. */
async function listening(server: Server): Promise<Server | undefined> {
  try {
    await once(server, 'listening')
    return server
  } catch {
    return undefined
  }
}

/**
 * Whether something on 127.0.0.1 takes connections on this port and says something first, as SMTP
 * does.
 */
export async function greets(port: number, preamble: string | Buffer = ''): Promise<boolean> {
  const socket = connect(port, '127.0.0.1')
  if (preamble.length > 0) socket.write(preamble)
  try {
    return await new Promise<boolean>((resolve) => {
      socket.setTimeout(10_000, () => {
        resolve(false)
      })
      socket.once('data', () => {
        resolve(true)
      })
      socket.once('error', () => {
        resolve(false)
      })
      socket.once('close', () => {
        resolve(false)
      })
    })
  } finally {
    socket.destroy()
  }
}
