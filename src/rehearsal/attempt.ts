/**
 * One attempt of a client that is played, at everyone who is still open. It pipelines its envelope,
 * as Postfix and Exim do, and lets go of a recipient at 2yz and 5yz alone.
 */
import type { TransactionFact } from '../facts/transaction.ts'
import { isPositive, type Reply } from '../smtp/reply.ts'
import type { ParcelResult } from '../verdict/parcels.ts'
import type { RehearsedSession } from './rehearsed-session.ts'
import type { Letter } from './world.ts'

/** `prdr`: it asks for one reply for each recipient. */
export type ClientKind = 'prdr' | 'legacy'

/** One recipient of an attempt, and what the client heard. */
export interface Told {
  /** As it was offered. */
  readonly recipient: string
  readonly rcpt: Reply
  /** To the text: their own, or the one for all; absent where they did not go through. */
  readonly text?: Reply
}

export interface Delivered {
  readonly recipient: string
  readonly result: ParcelResult
}

export interface Attempt {
  /** Since the first attempt. */
  readonly afterMs: number
  /** Absent where MAIL went through. */
  readonly mail?: Reply
  readonly told: readonly Told[]
  /** To DATA where that was refused, or to the text; the last line of a block. */
  readonly last?: Reply
  /** The text was answered recipient by recipient. */
  readonly inBlock: boolean
  /** Who has the message because of it. */
  readonly delivered: readonly Delivered[]
  /** What the log would say of it. */
  readonly ended?: TransactionFact
}

/** The greeting of this connection has been heard. */
export async function attempt(
  kind: ClientKind,
  session: RehearsedSession,
  letter: Letter,
): Promise<Omit<Attempt, 'afterMs'>> {
  const { recipients } = letter
  session.say(`EHLO ${letter.helo}`)
  const [mail, ...replies] = session.say(
    `MAIL FROM:<${letter.sender}>${parametersOf(kind, letter)}`,
    ...recipients.map((recipient) => `RCPT TO:<${recipient}>`),
    'DATA',
  )
  const data = replies[recipients.length]
  const goes = data?.code === 354
  const said = goes ? await session.text(letter) : []
  const after = textReplies(said, replies.slice(0, recipients.length))
  const last = goes ? said.at(-1) : data
  const { ended, delivered } = session
  return {
    ...(mail !== undefined && !isPositive(mail) ? { mail } : {}),
    told: recipients.flatMap((recipient, i): readonly Told[] => {
      const [rcpt, text] = [replies[i], after.get(i)]
      return rcpt === undefined ? [] : [{ recipient, rcpt, ...(text && { text }) }]
    }),
    ...(last !== undefined && { last }),
    inBlock: isBlock(said),
    delivered: delivered.flatMap(({ recipients: these, result }) =>
      these.flatMap(({ index }): readonly Delivered[] => {
        const recipient = recipients[index]
        return recipient === undefined ? [] : [{ recipient, result }]
      }),
    ),
    ...(ended !== undefined && { ended }),
  }
}

const parametersOf = (kind: ClientKind, { sizeBytes, international }: Letter): string =>
  [` SIZE=${sizeBytes}`, international ? ' SMTPUTF8' : '', kind === 'prdr' ? ' PRDR' : ''].join('')

/** draft-hall-prdr: 353, a reply for each recipient that went through, and the last one for all. */
const isBlock = ([first]: readonly Reply[]): boolean => first?.code === 353

function textReplies(said: readonly Reply[], rcpts: readonly Reply[]): ReadonlyMap<number, Reply> {
  const through = rcpts.flatMap((rcpt, i) => (isPositive(rcpt) ? [i] : []))
  const replies = isBlock(said) ? said.slice(1) : through.map(() => said.at(-1))
  return new Map(
    through.flatMap((index, i): readonly [number, Reply][] => {
      const reply = replies[i]
      return reply === undefined ? [] : [[index, reply]]
    }),
  )
}

/** What the client makes of it: the last word that it has heard about this recipient. */
export const answerOf = ({ mail, last }: Attempt, { rcpt, text }: Told): Reply =>
  mail ?? (isPositive(rcpt) ? (text ?? last ?? rcpt) : rcpt)
