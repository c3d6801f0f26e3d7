/**
 * The senders of the table in docs/strategies.md: which attempts they make, as they were measured
 * with package defaults (senders). When they make them is in src/past/sender-model.ts, and what
 * they make of each reply in test/support/senders.ts.
 */
import { senderTimes, type SenderTimes } from '../../src/past/sender-model.ts'
import type { SenderKind } from '../support/senders.ts'

export interface ModelSender extends SenderTimes {
  readonly acts: SenderKind
  /** Takes one connection for each recipient. */
  readonly apart?: true
  /** Comes from another address at each attempt. */
  readonly hops?: true
}

export const modelSenders: readonly ModelSender[] = [
  { ...senderTimes.postfix, acts: 'postfix' },
  { ...senderTimes.exim, acts: 'exim' },
  { ...senderTimes.exim, name: 'Exim with PRDR', acts: 'eximPrdr' },
  { ...senderTimes.sendmail, acts: 'sendmail' },
  { ...senderTimes.opensmtpd, acts: 'opensmtpd' },
  { ...senderTimes.courier, acts: 'sendmail' },
  { ...senderTimes.haraka, acts: 'haraka' },
  { ...senderTimes.dma, acts: 'qmail', apart: true },
  { ...senderTimes.nullmailer, acts: 'nullmailer' },
  { ...senderTimes.farm, acts: 'sendmail', hops: true },
  { ...senderTimes.msmtp, acts: 'msmtp' },
  { ...senderTimes.smtplib, acts: 'smtplib' },
]
