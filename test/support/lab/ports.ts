/** Ports for mail servers that must be told theirs. */
import { createServer, connect } from 'node:net'
import { once } from 'node:events'

/** A port of 127.0.0.1 that was free a moment ago. */
export async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1')
  await once(server, 'listening')
  const address = server.address()
  server.close()
  await once(server, 'close')
  if (address === null || typeof address === 'string') throw new Error('A TCP server has no port')
  return address.port
}

/** Whether something on 127.0.0.1 takes connections on this port and says something first, as SMTP does. */
export async function greets(port: number, preamble = ''): Promise<boolean> {
  const socket = connect(port, '127.0.0.1')
  if (preamble !== '') socket.write(preamble)
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
