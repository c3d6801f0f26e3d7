/**
 * `mode: observe`: the message is passed on as if nobody stood between, and behind the answer it is
 * found out what each recipient would have been told.
 */
import { isPermanent, isPositive } from '../smtp/reply.ts'
import type { PeerClass } from '../strategy/peer-class.ts'
import type { Outcome } from '../verdict/answer.ts'
import type { ObservedMessage, ObservedRecipient } from './observed-message.ts'
import type { Session } from './session.ts'
import type { Transaction } from './transaction.ts'
import { known } from '../known.ts'

export const observes = ({ options }: Session): boolean => options.mode === 'observe'

/** One reply has to do for all, and it is that of the server behind. */
export function passedOnAs({ name, first, maxForcedRetries, ...peer }: PeerClass): PeerClass {
  const { deferCode, retryHintSeconds, forgiveAfter, lenientAs } = peer
  return {
    name,
    strategy: 'off',
    deferCode,
    retryHintSeconds,
    first,
    forgiveAs: 'off',
    forgiveAfter,
    maxForcedRetries,
    deliverDeferred: false,
    lenientAs,
  }
}

/**
 * Of a text that the server behind has answered. Whom it told to come again is looked at when they
 * do.
 */
export function observePassed(
  session: Session,
  transaction: Transaction,
  { sizeBytes, outcomes }: { readonly sizeBytes: number; readonly outcomes: readonly Outcome[] },
): void {
  const recipients = outcomes.flatMap(({ index, address: key, reply }): ObservedRecipient[] => {
    const recipient = transaction.recipients[index]
    const isItsOwn = recipient?.concealed === undefined && recipient?.duplicate === false
    return isItsOwn && (isPositive(reply) || isPermanent(reply))
      ? [{ index, address: recipient.path.address, key, told: reply }]
      : []
  })
  if (recipients.length === 0) return
  transaction.observed = true
  const { id, peer, reversePath, parameters, messageId, prdr, trusted, recalled, split } =
    transaction
  const size = parameters.get('SIZE')
  const message: ObservedMessage = {
    id,
    peer,
    sender: reversePath.address,
    sizeBytes,
    splittable: !prdr && !trusted && (split === undefined || !recalled.has(split.id)),
    recipients,
    ...(size === undefined ? {} : { declaredBytes: Number(size) }),
    ...known({ messageId }),
  }
  session.effects.push({ do: 'observe', message })
}
