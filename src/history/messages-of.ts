/** Attempts as messages: each with all of its own, and what became of each recipient. Pure. */
import type { Attempt, Closing, KeptRecipient } from './attempt.ts'

/** Of one front-end, or of several. */
export interface MessageHistory {
  /** Oldest first. */
  readonly attempts: readonly Attempt[]
  readonly closings: readonly Closing[]
  readonly recipients: readonly RecipientEnd[]
}

/**
 * `has`: the server behind took it. `discarded`: thrown away by a judge's will, behind a yes.
 * `refused`: told so for good, or in a report. `waiting`: told to come again.
 */
export interface RecipientEnd {
  readonly address: string
  readonly state: 'has' | 'discarded' | 'refused' | 'waiting'
  /** Of the attempt that has settled it, or of the last one. */
  readonly at: number
  readonly last: KeptRecipient
  readonly queueId?: string
  /** It has been offered so often. */
  readonly attempts: number
  readonly firstAt: number
}

/** The newest message last. */
export function messagesOf({
  attempts,
  closings,
}: Pick<MessageHistory, 'attempts' | 'closings'>): readonly MessageHistory[] {
  const byName = new Map<string, Group>()
  for (const attempt of [...attempts].sort((a, b) => a.at - b.at)) {
    const names = namesOf(attempt)
    const groups = new Set(names.flatMap((name) => byName.get(name) ?? []))
    const group: Group = { attempts: [...groups].flatMap((one) => one.attempts), names: new Set() }
    group.attempts.push(attempt)
    for (const name of [...names, ...[...groups].flatMap((one) => [...one.names])]) {
      group.names.add(name)
      byName.set(name, group)
    }
  }
  return [...new Set(byName.values())]
    .map((group) => messageOf(group.attempts, closings))
    .sort((a, b) => (a.attempts[0]?.at ?? 0) - (b.attempts[0]?.at ?? 0))
}

interface Group {
  readonly attempts: Attempt[]
  readonly names: Set<string>
}

/** Attempts that share one are of one message. */
const namesOf = ({ split, messageId, reversePath, transaction }: Attempt): readonly string[] => [
  `transaction ${transaction}`,
  ...(split === undefined ? [] : [`split ${split}`]),
  ...(messageId === undefined ? [] : [`message ${messageId}\n${reversePath}`]),
]

function messageOf(attempts: readonly Attempt[], all: readonly Closing[]): MessageHistory {
  const splits = new Set(attempts.flatMap(({ split }) => split ?? []))
  return {
    attempts: [...attempts].sort((a, b) => a.at - b.at),
    closings: all.filter(({ split }) => splits.has(split)),
    recipients: endsOf([...attempts].sort((a, b) => a.at - b.at)),
  }
}

function endsOf(attempts: readonly Attempt[]): readonly RecipientEnd[] {
  const ends = new Map<string, RecipientEnd>()
  for (const { at, recipients } of attempts)
    for (const recipient of recipients) {
      const before = ends.get(recipient.address)
      ends.set(recipient.address, next(before, recipient, at))
    }
  return [...ends.values()]
}

function next(before: RecipientEnd | undefined, last: KeptRecipient, at: number): RecipientEnd {
  const counted = {
    address: last.address,
    last,
    attempts: (before?.attempts ?? 0) + 1,
    firstAt: before?.firstAt ?? at,
  }
  // Who has it has it, whatever a later attempt was told.
  if (before?.state === 'has') return { ...before, ...counted }
  return {
    ...counted,
    state: stateOf(last),
    at,
    ...(last.taken?.queueId !== undefined && { queueId: last.taken.queueId }),
  }
}

export function stateOf({
  taken,
  duplicate,
  final,
  verdict,
  reply,
  reported,
}: KeptRecipient): RecipientEnd['state'] {
  if (taken !== undefined || duplicate === true) return 'has'
  if (reported === true) return 'refused'
  if (reply?.startsWith('5') === true) return 'refused'
  if (final && reply?.startsWith('2') === true) return verdict === 'discard' ? 'discarded' : 'has'
  return 'waiting'
}
