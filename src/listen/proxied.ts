/**
 * The PROXY header of a connection that comes from a configured proxy: read before anything is
 * said, within a time limit.
 */
import type { Socket } from 'node:net'
import { parseProxyHeader, type ProxyHeader } from '../smtp/proxy-header.ts'

export type Proxied =
  /** The client is another than the connection says. */
  | {
      readonly kind: 'proxied'
      readonly address: string
      readonly port: number
      /** Where it has connected to, address and port. */
      readonly local: string
      readonly rest: Buffer
    }
  /** The proxy speaks for itself: a health check. */
  | { readonly kind: 'local'; readonly rest: Buffer }
  | { readonly kind: 'refused'; readonly why: string }

/** `rest` is what stands behind the header; the socket is paused then. Never rejects. */
export async function readProxyHeader(socket: Socket, limitMs: number): Promise<Proxied> {
  let data: Buffer = Buffer.alloc(0)
  let timer: NodeJS.Timeout | undefined
  const read = new Promise<Proxied>((resolve) => {
    const look = (chunk: Buffer): void => {
      data = Buffer.concat([data, chunk])
      const header = parseProxyHeader(data)
      if (header.kind === 'incomplete') return
      socket.pause()
      resolve(resultOf(header, data))
    }
    const gone = (): void => resolve({ kind: 'refused', why: 'gone before its PROXY header' })
    timer = setTimeout(() => resolve({ kind: 'refused', why: 'no PROXY header in time' }), limitMs)
    socket.on('data', look).on('end', gone).on('error', gone).on('close', gone)
  })
  return await read.finally(() => {
    clearTimeout(timer)
    socket.removeAllListeners('data').removeAllListeners('end').removeAllListeners('close')
  })
}

function resultOf(header: Exclude<ProxyHeader, { kind: 'incomplete' }>, data: Buffer): Proxied {
  switch (header.kind) {
    case 'invalid':
      return { kind: 'refused', why: 'no valid PROXY header' }
    case 'local':
      return { kind: 'local', rest: data.subarray(header.bytes) }
    case 'proxied': {
      const { source, destination } = header.addresses
      const local = `${destination.address} ${destination.port}`
      return { kind: 'proxied', ...source, local, rest: data.subarray(header.bytes) }
    }
  }
}
