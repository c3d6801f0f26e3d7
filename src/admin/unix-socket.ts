/**
 * The admin API on a Unix socket: who may use it is said by the file's mode, so that it needs no
 * token. A socket that an earlier run has left behind is removed; one that somebody listens on is
 * not.
 */
import { chmod, lstat, unlink } from 'node:fs/promises'
import type { Server } from 'node:http'
import { connect } from 'node:net'

export interface UnixSocket {
  readonly path: string
  /** Such as 0o660. */
  readonly mode: number
}

/** @throws Error when the path can't be listened on, or is no socket of ours. */
export async function listenOnSocket(server: Server, { path, mode }: UnixSocket): Promise<void> {
  await removeStale(path)
  const { promise, resolve, reject } = Promise.withResolvers<undefined>()
  server.once('error', reject)
  server.listen({ path }, () => {
    server.off('error', reject)
    resolve(undefined)
  })
  await promise
  await chmod(path, mode)
}

async function removeStale(path: string): Promise<void> {
  const found = await lstat(path).catch(() => undefined)
  if (found === undefined) return
  if (!found.isSocket())
    throw new Error(`${path} is there and is no socket: remove it, or set another admin.socket`)
  if (await isHeard(path)) throw new Error(`somebody listens on ${path} already`)
  await unlink(path)
}

async function isHeard(path: string): Promise<boolean> {
  const { promise, resolve } = Promise.withResolvers<boolean>()
  const socket = connect({ path })
  socket.once('connect', () => resolve(true))
  socket.once('error', () => resolve(false))
  const heard = await promise
  socket.destroy()
  return heard
}
