import { connect } from 'node:net'

/** Sends bytes and gives all that comes back until the server ends the connection, or resets it. */
export async function rawHttp(port: number, bytes: string): Promise<string> {
  const { promise, resolve } = Promise.withResolvers<string>()
  let said = ''
  const socket = connect({ host: '127.0.0.1', port }, () => {
    socket.write(bytes, 'latin1')
  })
  socket.setEncoding('latin1')
  socket.on('data', (chunk: string) => (said += chunk))
  socket.on('error', () => undefined)
  socket.on('close', () => {
    resolve(said)
  })
  return await promise
}
