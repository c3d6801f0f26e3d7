/** Which server an error is of. */

export class AtServer extends Error {
  /** The server without user and password. */
  readonly server: string
  override readonly cause: unknown

  constructor(url: string, cause: unknown) {
    const server = serverName(url)
    super(`${server}: ${cause instanceof Error ? cause.message : String(cause)}`)
    this.server = server
    this.cause = cause
  }

  static of(error: unknown, url: string): AtServer {
    return error instanceof AtServer ? error : new AtServer(url, error)
  }

  /** The server itself has said it: an error reply begins with a word in capitals. */
  get isReply(): boolean {
    return this.cause instanceof Error && /^[A-Z]+ /.test(this.cause.message)
  }
}

/** The server of a URL without user and password, as `redis://host:port/db`. */
export function serverName(url: string): string {
  const { protocol, hostname, port, pathname } = new URL(url)
  return `${protocol}//${hostname}:${port === '' ? '6379' : port}${pathname.length > 1 ? pathname : '/0'}`
}
