/**
 * What is in the way of a configuration, where, and what to do: for those errors of the system that
 * say only the first.
 */
export function errorInWords(error: unknown): string {
  if (!(error instanceof Error)) return String(error)
  const { code, address, port } = error as NodeJS.ErrnoException & {
    readonly address?: string
    readonly port?: number
  }
  const place = `${address ?? ''}:${port ?? ''}`
  if (code === 'EADDRINUSE')
    return `${place} is in use by another program, or by another entry of listen; stop it, or listen elsewhere (listen, --listen; admin.listen, --admin)`
  if (code === 'EACCES' && port !== undefined)
    return `${place} may not be listened on by this user; ports below 1024 need CAP_NET_BIND_SERVICE, or with run_as a restart`
  if (code === 'EADDRNOTAVAIL') return `${place} is no address of this machine (listen, --listen)`
  return error.message
}
