/**
 * Who vouches for the sender of a message: something must, before anything is sent to its
 * reverse-path, or it would be sent to whomever a forger named (backscatter).
 */

export const vouchers = ['spf', 'dkim', 'symbols'] as const
/** `symbols`: the judge has checked SPF and DKIM, and says so among its symbols. */
export type VouchedBy = (typeof vouchers)[number]

export type Vouching =
  | { readonly kind: 'vouched'; readonly by: VouchedBy; readonly domain: string }
  /** `why`: each result, in words for a log. */
  | { readonly kind: 'unvouched'; readonly why: string }

/** What is known of a message when its text is complete. */
export interface VouchedMessage {
  /** The client's own address, behind any proxy. */
  readonly clientAddress: string
  /** The name of its EHLO or HELO. */
  readonly helo: string
  /** An address; nobody vouches for the null reverse-path. */
  readonly reversePath: string
  /** The judge's symbols; empty where it has none. */
  readonly symbols: readonly string[]
  /**
   * The text as it was received, from its first octet; asked for only where DKIM or the author have
   * to be looked at.
   */
  readonly chunks: () => AsyncIterable<Buffer>
}

export interface SenderAuthenticator {
  /**
   * Never rejects, and ends within its time limit. `signal`: nobody waits for the answer any more.
   */
  vouchFor(message: VouchedMessage, signal?: AbortSignal): Promise<Vouching>
}
