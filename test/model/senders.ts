/**
 * The senders of the table in docs/strategies.md: which attempts they make and when, as they were
 * measured with package defaults (senders). What they make of each reply is in
 * test/support/senders.ts.
 */
import type { SenderKind } from '../support/senders.ts'

export interface ModelSender {
  readonly name: string
  readonly acts: SenderKind
  /**
   * Seconds from the first attempt to the n-th retry, from 1; undefined: there is none, and who
   * submitted it hears so.
   */
  readonly retryAfter: (n: number) => number | undefined
  /** Takes one connection for each recipient. */
  readonly apart?: true
  /** Comes from another address at each attempt. */
  readonly hops?: true
}

/** Where the measured ones end, in steps of the last length. */
const then =
  (measured: readonly [number, ...number[]], step: number) =>
  (n: number): number =>
    measured[n - 1] ?? (measured.at(-1) ?? 0) + (n - measured.length) * step

export const modelSenders: readonly ModelSender[] = [
  { name: 'Postfix', acts: 'postfix', retryAfter: then([597, 1198, 2400], 4000) },
  { name: 'Exim', acts: 'exim', retryAfter: then([957], 900) },
  { name: 'Exim with PRDR', acts: 'eximPrdr', retryAfter: then([957], 900) },
  { name: 'sendmail', acts: 'sendmail', retryAfter: then([597, 1197], 600) },
  { name: 'OpenSMTPD', acts: 'opensmtpd', retryAfter: (n) => 400 * n * n },
  { name: 'Courier', acts: 'sendmail', retryAfter: then([300, 600], 600) },
  // Its wait doubles only while nobody gets further (test/interop/haraka-client); here nearly every
  // attempt brings somebody further.
  { name: 'Haraka', acts: 'haraka', retryAfter: then([65], 65) },
  { name: 'dma', acts: 'qmail', apart: true, retryAfter: then([300], 300) },
  { name: 'nullmailer', acts: 'nullmailer', retryAfter: (n) => 60 * (2 ** n - 1) },
  {
    name: 'a farm (Gmail, Microsoft)',
    acts: 'sendmail',
    hops: true,
    retryAfter: then([300, 900], 1800),
  },
  { name: 'msmtp, curl', acts: 'msmtp', retryAfter: () => undefined },
  { name: 'smtplib, nodemailer', acts: 'smtplib', retryAfter: () => undefined },
]
