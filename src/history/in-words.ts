/**
 * The history of a message in plain words, for somebody who has to answer a user: one paragraph a
 * message, a line an attempt and recipient, and in the end who has it and who is waited for. Pure.
 */
import type { Attempt, KeptRecipient } from './attempt.ts'
import type { MessageHistory, RecipientEnd } from './messages-of.ts'

/** What words come from elsewhere. */
export interface Words {
  /** A reason as a sentence. */
  readonly reason: (reason: KeptRecipient['reason']) => string
  /** A time between two moments: `2h 05m`. */
  readonly elapsed: (from: number, to: number) => string
  /** Who is still waited for in open splits, by their ledger; absent where nobody can tell. */
  readonly awaited?: (split: string) => readonly string[] | undefined
}

/** Recipients of a message beside those who were asked about. */
const mostRecipients = 10

export function describeMessage(
  message: MessageHistory,
  asked: ReadonlySet<string>,
  words: Words,
): string {
  const { attempts } = message
  const shown = shownOf(message, asked)
  const first = attempts[0]
  if (first === undefined) return ''
  return [
    head(first, message),
    ...attempts.flatMap((attempt, i) => describeAttempt(attempt, { i, first, shown, words })),
    ...nowOf(message, shown, words),
    idsOf(message),
  ].join('\n')
}

/** Those who were asked about first; the sender is no recipient. */
function shownOf({ recipients }: MessageHistory, asked: ReadonlySet<string>): ReadonlySet<string> {
  const addresses = recipients.map(({ address }) => address)
  const named = addresses.filter((address) => asked.has(address.toLowerCase()))
  const others = addresses.filter((address) => !asked.has(address.toLowerCase()))
  return new Set([...named, ...others.slice(0, mostRecipients)])
}

const senderOf = ({ reversePath }: Attempt): string =>
  reversePath === '' ? '<> (a report)' : reversePath

function head(first: Attempt, { attempts, recipients }: MessageHistory): string {
  const count = (n: number, what: string): string => `${n} ${what}${n === 1 ? '' : 's'}`
  return `${nameOf(attempts)} from ${senderOf(first)}: ${count(recipients.length, 'recipient')}, ${count(attempts.length, 'attempt')}.`
}

/** Of who was refused at RCPT there is no text, and so nobody knows the Message-ID. */
function nameOf(attempts: readonly Attempt[]): string {
  const messageId = attempts.find((attempt) => attempt.messageId !== undefined)?.messageId
  if (messageId !== undefined) return `Message ${messageId}`
  return attempts.every(({ sizeBytes }) => sizeBytes === 0)
    ? 'A message whose text did not come,'
    : 'A message without a Message-ID,'
}

interface Around {
  readonly i: number
  readonly first: Attempt
  readonly shown: ReadonlySet<string>
  readonly words: Words
}

function describeAttempt(attempt: Attempt, { i, first, shown, words }: Around): string[] {
  const { at, client, recipients } = attempt
  const later = i === 0 ? '' : `, ${words.elapsed(first.at, at)} after the first one`
  const from = `from ${client.address} (${client.rdns ?? client.helo})`
  const listed = recipients.filter(({ address }) => shown.has(address))
  const left = recipients.length - listed.length
  return [
    `  Attempt ${i + 1}, ${timeOf(at)}${later}, ${from}${textOf(attempt)}:`,
    ...listed.map((recipient) => `    ${describeRecipient(recipient, words)}`),
    ...(recipients.length > 0
      ? []
      : [`    The client was told${saidTo(attempt)}, before any recipient.`]),
    ...(left > 0 ? [`    … and ${left} more recipients.`] : []),
  ]
}

const saidTo = ({ reply }: Attempt): string => (reply === undefined ? ' nothing' : ` "${reply}"`)

export const timeOf = (at: number): string =>
  new Date(at)
    .toISOString()
    .replace('T', ' ')
    .replace(/\.\d+Z$/, ' UTC')

/** What the judges said of the text. */
function textOf({ judges }: Attempt): string {
  const said = judges.map(({ judge, result, score: own, why }) => {
    if (own !== undefined) return `${judge} gave ${own}`
    if (result === 'failed') return `${judge} failed (${why ?? 'no reason'})`
    return result === 'forced' ? `${judge} forces an answer` : undefined
  })
  return said.flatMap((each) => (each === undefined ? [] : [`, ${each}`])).join('')
}

function describeRecipient(recipient: KeptRecipient, { reason }: Words): string {
  const { address, policy, reply, taken } = recipient
  const told = reply === undefined ? '' : `, told "${reply}"`
  const held =
    taken === undefined || recipient.final
      ? ''
      : ` The server behind took it all the same${idOf(taken)}.`
  const by = policy === undefined ? '' : ` Policy ${policy}.`
  return `${address} ${whatOf(recipient)}${told}. ${reason(recipient.reason)}${by}${held}`
}

const idOf = ({ queueId }: { readonly queueId?: string }): string =>
  queueId === undefined ? '' : ` (queue id ${queueId})`

function whatOf({
  fate,
  final,
  taken,
  duplicate,
  reported,
  verdict,
  reply,
}: KeptRecipient): string {
  if (duplicate === true) return 'had it already'
  if (reported === true) return 'refused it: the sender was told in a report'
  if (final && taken !== undefined) return `got it${markOf(verdict)}${idOf(taken)}`
  if (final && verdict === 'discard') return 'had it thrown away'
  if (reply?.startsWith('5') === true)
    return fate === 'refused' ? 'was refused at RCPT' : 'refused it'
  if (reply === undefined) return 'got no answer'
  return fate === 'deferred' ? 'was deferred to split' : 'was deferred'
}

function markOf(verdict: KeptRecipient['verdict']): string {
  if (verdict === 'tag') return ' marked as spam'
  return verdict === 'quarantine' ? ' in quarantine' : ''
}

function nowOf(
  message: MessageHistory,
  shown: ReadonlySet<string>,
  words: Words,
): readonly string[] {
  const { recipients } = message
  const listed = recipients.filter(({ address }) => shown.has(address))
  const others = recipients.filter(({ address }) => !shown.has(address))
  if (recipients.length === 0)
    return ['  Now:', '    Nobody has it: its sender was not let as far as the recipients.']
  return [
    '  Now:',
    ...listed.map((recipient) => `    ${nowOfRecipient(recipient, message, words)}`),
    ...countsOf(others),
  ]
}

function nowOfRecipient(end: RecipientEnd, message: MessageHistory, words: Words): string {
  const { address, state, at, firstAt } = end
  const late =
    at - firstAt < 1000 ? '' : `, ${words.elapsed(firstAt, at)} after it was first offered`
  switch (state) {
    case 'has':
      return `${address} has it since ${timeOf(at)}${late}${idOf(end)}.`
    case 'discarded':
      return `${address} has not got it: it was thrown away at ${timeOf(at)}, and the sender was told yes.`
    case 'refused':
      return `${address} has not got it: it was refused at ${timeOf(at)}, and the sender knows.`
    case 'waiting':
      return `${address} has not got it: ${waitingOf(end, message, words)}`
  }
}

function waitingOf(
  { address, at }: RecipientEnd,
  { attempts, closings }: MessageHistory,
  { awaited }: Words,
): string {
  const gone = closings.find(
    ({ outcome, recipients }) => outcome === 'abandoned' && recipients.includes(address),
  )
  if (gone !== undefined)
    return `its sender never came back, and Rcptwise gave it up at ${timeOf(gone.at)}.`
  const missing = closings.find(
    ({ outcome, recipients }) => outcome === 'missing' && recipients.includes(address),
  )
  if (missing !== undefined)
    return `its sender has not come back since ${timeOf(at)}; the mail may be lost.`
  const open = attempts.flatMap(({ split }) =>
    split === undefined ? [] : (awaited?.(split) ?? []),
  )
  if (open.includes(address.toLowerCase()))
    return `Rcptwise waits for its sender to come again; the last attempt was at ${timeOf(at)}.`
  return `its sender has to come again, and was told so at ${timeOf(at)}.`
}

function countsOf(others: readonly RecipientEnd[]): readonly string[] {
  if (others.length === 0) return []
  const words = {
    has: 'have it',
    discarded: 'had it thrown away',
    refused: 'refused it',
    waiting: 'are waited for',
  }
  const counts = Object.entries(words).flatMap(([state, what]) => {
    const count = others.filter((other) => other.state === state).length
    return count === 0 ? [] : [`${count} ${what}`]
  })
  return [`    Of ${others.length} more recipients ${counts.join(', ')}.`]
}

function idsOf({ attempts, recipients }: MessageHistory): string {
  const list = (name: string, ids: readonly string[]): string[] => {
    const all = [...new Set(ids)]
    if (all.length === 0) return []
    const more = all.length > mostRecipients ? ' …' : ''
    return [`${name} ${all.slice(0, mostRecipients).join(', ')}${more}`]
  }
  const ids = [
    ...list(
      'transaction',
      attempts.map(({ transaction }) => transaction),
    ),
    ...list(
      'split',
      attempts.flatMap(({ split }) => split ?? []),
    ),
    ...list(
      'queue id',
      recipients.flatMap(({ queueId }) => queueId ?? []),
    ),
  ]
  return `  Ids: ${ids.join('; ')}.`
}
