/**
 * Replies in the order of their commands (RFC 2920 3.2): a slot is opened per command and filled
 * when its answer is known; what is filled at the head leaves together, in one write.
 */
import { type Reply, encodeReply } from '../smtp/reply.ts'

export interface ReplySlots {
  /** Encoded replies; undefined while not known. */
  readonly waiting: (string | undefined)[]
  /** Number of the slot at the head. */
  head: number
  /** What can leave. */
  ready: string
}

export const newReplySlots = (): ReplySlots => ({ waiting: [], head: 0, ready: '' })

/** A place for a reply that is not known yet. */
export function openSlot(slots: ReplySlots): number {
  slots.waiting.push(undefined)
  return slots.head + slots.waiting.length - 1
}

export function fillSlot(slots: ReplySlots, slot: number, reply: Reply): void {
  const place = slot - slots.head
  if (place < 0 || slots.waiting[place] !== undefined)
    throw new Error(`reply slot ${slot} is filled twice`)
  slots.waiting[place] = encodeReply(reply)
  let filled = 0
  for (const text of slots.waiting) {
    if (text === undefined) break
    slots.ready += text
    filled++
  }
  if (filled > 0) {
    slots.waiting.splice(0, filled)
    slots.head += filled
  }
}

/** A reply that is known at once. */
export function sayNow(slots: ReplySlots, reply: Reply): void {
  if (slots.waiting.length === 0) slots.ready += encodeReply(reply)
  else slots.waiting.push(encodeReply(reply))
}

/** Nobody will answer these any more: what is said next is the last word. */
export function dropWaiting(slots: ReplySlots): void {
  slots.head += slots.waiting.length
  slots.waiting.length = 0
}

export const allAnswered = (slots: ReplySlots): boolean => slots.waiting.length === 0

/** Takes what can leave now. */
export function takeReady(slots: ReplySlots): string {
  const { ready } = slots
  slots.ready = ''
  return ready
}
