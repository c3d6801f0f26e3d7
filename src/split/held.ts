/**
 * Who has a message, or may have it, and whose sender was not told so: it will offer them again,
 * and whoever does not know of that would give it to them twice. Pure.
 */
import type { Split, SplitRecipient } from './split.ts'

export const heldIn = ({ recipients }: Split): readonly SplitRecipient[] =>
  recipients.filter(({ state }) => state === 'delivered' || state === 'delivering')

/** A delivery that is under way at this moment; its sender hears of it when it is over. */
export const isUnderWay = ({ deliveriesOnly, recipients }: Split, now: number): boolean =>
  deliveriesOnly === true &&
  recipients.every(({ state, by }) => state !== 'delivered' && (by === undefined || by.until > now))
