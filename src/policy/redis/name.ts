/** What log and metrics call a Redis server. Pure. */

/** Without user and password. */
export function nameOfRedis(url: string): string {
  const { host, pathname } = new URL(url)
  return `redis:${host}${pathname === '/' ? '' : pathname}`
}
