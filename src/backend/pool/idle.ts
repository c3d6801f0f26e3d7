/**
 * Connections that wait for the next transaction, by endpoint; the one used last comes first, so
 * that the others may end. Counts none that is lent.
 */
import type { SmtpConnection } from '../wire/connection.ts'

export class IdleConnections<Owner> {
  readonly #idle = new Map<Owner, SmtpConnection[]>()

  /** Keeps it for so many ms, then leaves. */
  add(owner: Owner, connection: SmtpConnection, keepMs: number): void {
    connection.leaveAfter(keepMs)
    const all = this.#idle.get(owner)
    if (all === undefined) this.#idle.set(owner, [connection])
    else all.push(connection)
  }

  /** It has ended. Nothing happens when it is none of these. */
  drop(owner: Owner, connection: SmtpConnection): void {
    const all = this.#idle.get(owner)
    const at = all?.indexOf(connection) ?? -1
    if (at !== -1) all?.splice(at, 1)
  }

  /** The one used last among those that fit. */
  take(owner: Owner, suits?: (connection: SmtpConnection) => boolean): SmtpConnection | undefined {
    const all = this.#idle.get(owner)
    if (all === undefined || all.length === 0) return undefined
    const at = suits === undefined ? all.length - 1 : all.findLastIndex(suits)
    const taken = at === all.length - 1 ? all.pop() : at === -1 ? undefined : all.splice(at, 1)[0]
    taken?.leaveAfter(undefined)
    return taken
  }

  /**
   * Leaves one to make room: the endpoint's that was used longest ago, else any. False when there
   * was none.
   */
  leaveOne(owner?: Owner): boolean {
    const from =
      owner === undefined
        ? [...this.#idle.values()].find((all) => all.length > 0)
        : this.#idle.get(owner)
    const first = from?.[0]
    first?.quit()
    return first !== undefined
  }

  /** Leaves all of an endpoint. */
  leave(owner: Owner): void {
    for (const connection of [...(this.#idle.get(owner) ?? [])]) connection.quit()
    this.#idle.delete(owner)
  }

  /** When one of an endpoint was last heard, in ms that only grow. */
  heardAt(owner: Owner): number {
    return (this.#idle.get(owner) ?? []).reduce(
      (last, { heardAt }) => Math.max(last, heardAt),
      -Infinity,
    )
  }

  owners(): Iterable<Owner> {
    return this.#idle.keys()
  }

  count(owner: Owner): number {
    return this.#idle.get(owner)?.length ?? 0
  }

  close(): void {
    for (const owner of [...this.#idle.keys()]) this.leave(owner)
  }
}
