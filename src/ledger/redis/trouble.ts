/**
 * What an error of the Redis server or of the way to it means, in words for the log: what, and what
 * to do. Pure.
 */
import { AtServer } from '../../redis/at-server.ts'

/** The first word of an error reply, and what an operator can do about it. */
const advice: ReadonlyMap<string, string> = new Map([
  ['READONLY', 'this is a replica: let the address lead to the primary'],
  ['OOM', "the server is full: raise its maxmemory, or keep other users' data elsewhere"],
  ['LOADING', 'the server has just started and reads its data'],
  ['MISCONF', "the server can't write its data to its disk; its own log says why"],
  ['NOREPLICAS', 'the server wants more replicas before it writes (min-replicas-to-write)'],
  ['MASTERDOWN', 'this is a replica without its primary: let the address lead to the primary'],
  ['NOAUTH', 'the server wants a password: write it into the URL of the ledger'],
  ['WRONGPASS', "the server refuses user or password of the ledger's URL"],
  ['NOPERM', "the user of the ledger's URL may not do this (ACL)"],
  ['WRONGTYPE', 'another program uses the same keys: give the ledger another prefix'],
  ['CLUSTERDOWN', 'no node of the cluster has these keys, or too few nodes are up'],
  ['MOVED', 'another node of the cluster has the keys now, which is asked next'],
  ['ASK', 'the cluster is moving the keys to another node'],
  ['TRYAGAIN', 'the cluster is moving the keys to another node'],
  ['BUSY', 'the server is held up by a script of somebody else'],
])

export function describeRedisError(error: unknown): string {
  if (error instanceof AtServer) return `${error.server}: ${describeRedisError(error.cause)}`
  const said = messageOf(error)
  const known = advice.get(/^[A-Z]+/.exec(said)?.[0] ?? '')
  return known === undefined ? said : `${said} (${known})`
}

/**
 * A connection that was tried at several addresses of one name fails with an error that says
 * nothing itself.
 */
function messageOf(error: unknown): string {
  if (error instanceof AggregateError && error.message === '')
    return error.errors.map(messageOf).join(', ')
  return error instanceof Error && error.message !== '' ? error.message : String(error)
}
