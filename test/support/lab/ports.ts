/** Ports for mail servers that must be told theirs. */
import { randomInt } from 'node:crypto'
import { createServer, connect } from 'node:net'
import { once } from 'node:events'

/** Below those that the kernel gives to outgoing connections (32768 and up), any of which could take the port in between. */
const lowest = 12_000
const highest = 32_000

/** Test files run side by side, each in a process of its own: each has a part of the ports. */
const parts = 4
const part = Number(process.env['VITEST_POOL_ID'] ?? '0') % parts

const given = new Set<number>()

/** A port of 127.0.0.1 that was free a moment ago, and that no other caller was given. */
export async function freePort(): Promise<number> {
  for (let tries = 0; tries < 200; tries += 1) {
    const port = lowest + randomInt((highest - lowest) / parts) * parts + part
    if (given.has(port) || !(await isFree(port))) continue
    given.add(port)
    return port
  }
  throw new Error(`No free port between ${lowest} and ${highest}`)
}

async function isFree(port: number): Promise<boolean> {
  const server = createServer().listen(port, '127.0.0.1')
  try {
    await once(server, 'listening')
    return true
  } catch {
    return false
  } finally {
    server.close()
  }
}

/** Whether something on 127.0.0.1 takes connections on this port and says something first, as SMTP does. */
export async function greets(port: number, preamble: string | Buffer = ''): Promise<boolean> {
  const socket = connect(port, '127.0.0.1')
  if (preamble.length > 0) socket.write(preamble)
  try {
    return await new Promise<boolean>((resolve) => {
      socket.setTimeout(2_000, () => {
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
