/**
 * Routes within a local part (RFC 5321 appendix C and F.2, RFC 1123 5.2.16): `user%elsewhere@ours`,
 * `elsewhere!user@ours` and `"user@elsewhere"@ours` ask the server at `ours` to send the mail on. A
 * server that trusts whoever hands the mail over does so; which one follows which form was
 * measured: docs/relaying.md.
 */

/**
 * Wherever they stand: in quotes, behind a backslash, several in a row. Postfix and sendmail take
 * quotes and backslashes off before they look for a route, and look again at what is left.
 */
const routing = /[%!@]/

/**
 * `mailbox` is a mailbox as the client wrote it, without source route: what stands in front of its
 * last `@` holds a route.
 */
export function isRouted(mailbox: string): boolean {
  const at = mailbox.lastIndexOf('@')
  return routing.test(at === -1 ? mailbox : mailbox.slice(0, at))
}
