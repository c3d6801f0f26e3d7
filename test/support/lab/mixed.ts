/**
 * One message to six recipients of three policies, and what becomes of each by its score: the
 * scenario that the legacy clients have in common. The order mixes the groups, so that no client
 * gets them sorted by chance.
 */
import type { Fates } from './fates.ts'
import type { Submission } from './submission.ts'

/** Policy by address, as in recipients.yaml. */
export const recipients = {
  'strict1@example.org': 'strict',
  'careful1@example.org': 'careful',
  'tag1@example.org': 'tag-only',
  'strict2@example.org': 'strict',
  'careful2@example.org': 'careful',
  'tag2@example.org': 'tag-only',
} as const

export const sender = 'sender@client.test'

/**
 * Everyone that a backend of the scenario has a mailbox for; the sender's own is for nullmailer's
 * reports.
 */
export const mailboxes = [...Object.keys(recipients), sender]

const withPolicy = (...policies: readonly string[]): string[] =>
  Object.entries(recipients)
    .filter(([, policy]) => policies.includes(policy))
    .map(([address]) => address)

const refused = (addresses: readonly string[]): Record<string, string> =>
  Object.fromEntries(addresses.map((address) => [address, 'this message as spam']))

export type Score = 3 | 9.5 | 20

/** 3: everyone takes it; 9.5: strict refuses; 20: strict and careful refuse. */
export const mixedMessage = (
  score: Score,
  to: readonly string[] = Object.keys(recipients),
): Submission => ({
  from: sender,
  to,
  headers: [`X-Spam-Score: ${score}`],
})

export const fates: Readonly<Record<Score, Fates>> = {
  3: { plain: withPolicy('strict', 'careful', 'tag-only') },
  9.5: { tagged: withPolicy('careful', 'tag-only'), bounced: refused(withPolicy('strict')) },
  20: { tagged: withPolicy('tag-only'), bounced: refused(withPolicy('strict', 'careful')) },
}

/** What a strategy that never refuses for some makes of it (rule 5: `lenient`). */
export const lenientFates: Readonly<Record<Score, Fates>> = {
  3: fates[3],
  9.5: { tagged: withPolicy('strict', 'careful', 'tag-only') },
  20: { tagged: withPolicy('strict', 'careful', 'tag-only') },
}
