/** What a judge's symbols say of SPF and DKIM (rspamd, SpamAssassin). */

/** The reverse-path's domain itself vouches. */
const envelope: ReadonlySet<string> = new Set(['R_SPF_ALLOW', 'SPF_PASS', 'DKIM_VALID_EF'])
/**
 * The domain of the From field vouches: that counts where it and the reverse-path's are of one
 * organisation.
 */
const author: ReadonlySet<string> = new Set(['DKIM_VALID_AU', 'DMARC_POLICY_ALLOW', 'DMARC_PASS'])

/**
 * `R_DKIM_ALLOW` and `DKIM_VALID` are in neither: they say that some signature is valid, and not
 * whose. Anyone can sign for a domain of their own and name another one in the reverse-path.
 */
export function vouchedBySymbols(symbols: readonly string[]): 'envelope' | 'author' | undefined {
  if (symbols.some((symbol) => envelope.has(symbol))) return 'envelope'
  return symbols.some((symbol) => author.has(symbol)) ? 'author' : undefined
}
