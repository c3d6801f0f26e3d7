/**
 * When senders come back after a deferral, as it was measured with package defaults
 * (docs/strategies.md, "How long a deferral lasts"). Pure.
 */

export interface SenderTimes {
  readonly name: string
  /**
   * Seconds from the first attempt to the n-th retry, from 1; undefined: there is none, and who
   * submitted it hears so.
   */
  readonly retryAfter: (n: number) => number | undefined
}

/** Where the measured ones end, in steps of the last length. */
const then =
  (measured: readonly [number, ...number[]], step: number) =>
  (n: number): number =>
    measured[n - 1] ?? (measured.at(-1) ?? 0) + (n - measured.length) * step

export const senderTimes = {
  postfix: { name: 'Postfix', retryAfter: then([597, 1198, 2400], 4000) },
  exim: { name: 'Exim', retryAfter: then([957], 900) },
  sendmail: { name: 'sendmail', retryAfter: then([597, 1197], 600) },
  opensmtpd: { name: 'OpenSMTPD', retryAfter: (n: number): number => 400 * n * n },
  courier: { name: 'Courier', retryAfter: then([300, 600], 600) },
  // Its wait doubles only while nobody gets further (test/interop/haraka-client); here nearly every
  // attempt brings somebody further.
  haraka: { name: 'Haraka', retryAfter: then([65], 65) },
  dma: { name: 'dma', retryAfter: then([300], 300) },
  nullmailer: { name: 'nullmailer', retryAfter: (n: number): number => 60 * (2 ** n - 1) },
  farm: { name: 'a farm (Gmail, Microsoft)', retryAfter: then([300, 900], 1800) },
  msmtp: { name: 'msmtp, curl', retryAfter: (): undefined => undefined },
  smtplib: { name: 'smtplib, nodemailer', retryAfter: (): undefined => undefined },
} as const satisfies Readonly<Record<string, SenderTimes>>

/** Registered domains of big senders' hosts, which retry from other hosts of theirs. */
const farms: ReadonlySet<string> = new Set([
  'google.com',
  'outlook.com',
  'yahoo.com',
  'yahoodns.net',
  'icloud.com',
  'apple.com',
  'amazonses.com',
  'sendgrid.net',
  'mailgun.net',
  'mcsv.net',
  'mcdlv.net',
])

/** Of a sender by its name (peers/sender-name.ts), where that tells. */
export const timesOfProvider = (sender: string): SenderTimes | undefined =>
  farms.has(sender) ? senderTimes.farm : undefined

/** As this log has shown it: it comes back so long after each deferral, s. */
export const timesAsSeen = (seconds: number): SenderTimes => ({
  name: 'seen in logs',
  retryAfter: (n) => seconds * n,
})
