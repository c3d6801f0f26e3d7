/** One message as a time line: each attempt, and what each recipient was told and why. */
import { describeMessage } from '../../history/in-words.ts'
import type { MessageHistory, RecipientEnd } from '../../history/messages-of.ts'
import { explainReason } from '../../verdict/reason-in-words.ts'
import { type Child, el, outside } from '../dom.ts'
import { badge, type Tone } from '../parts.ts'
import { clock, plural, spell } from '../words.ts'

/** Who is waited for, by split. */
export type Awaited = ReadonlyMap<string, readonly string[]>

type Attempt = MessageHistory['attempts'][number]
type Recipient = Attempt['recipients'][number]

export interface MessageOptions {
  readonly asked: ReadonlySet<string>
  readonly awaited: Awaited
  readonly open: boolean
}

const ends: Readonly<Record<RecipientEnd['state'], readonly [string, Tone]>> = {
  has: ['has it', 'good'],
  discarded: ['thrown away', 'quiet'],
  refused: ['refused', 'quiet'],
  waiting: ['waits', 'warn'],
}

export function messageElement(message: MessageHistory, options: MessageOptions): HTMLElement {
  const { attempts, recipients } = message
  const [first] = attempts
  const from = first === undefined || first.reversePath === '' ? '<> (a report)' : first.reversePath
  const counts = Object.entries(ends).flatMap(([state, [words, tone]]) => {
    const count = recipients.filter((each) => each.state === state).length
    return count === 0 ? [] : [badge(`${words}: ${count}`, tone)]
  })
  const messageId = attempts.find((each) => each.messageId !== undefined)?.messageId
  return el(
    'details',
    { class: 'message', open: options.open },
    el(
      'summary',
      {},
      outside(from),
      el('span', { class: 'dim' }, first === undefined ? '' : clock(first.at, Date.now())),
      el('span', { class: 'dim' }, plural(attempts.length, 'attempt')),
      counts,
      messageId === undefined ? undefined : outside(messageId, 'dim'),
    ),
    el(
      'ol',
      { class: 'timeline' },
      attempts.map((attempt, i) => attemptItem(attempt, i, first ?? attempt)),
    ),
    el(
      'details',
      { class: 'in-words' },
      el('summary', {}, 'In words, for a letter'),
      el('pre', { tabindex: '0' }, lines(message, options)),
    ),
  )
}

/** Line by line: what strangers wrote has no line ends any more when it becomes text. */
const lines = (message: MessageHistory, { asked, awaited }: MessageOptions): readonly Child[] =>
  describeMessage(message, asked, {
    reason: explainReason,
    elapsed: (from, to) => spell(to - from),
    awaited: (split) => awaited.get(split),
  })
    .split('\n')
    .flatMap((line, i): Child[] => (i === 0 ? [line] : [el('br'), line]))

function attemptItem(attempt: Attempt, i: number, first: Attempt): HTMLElement {
  const { at, client, recipients, mode, strategy, reply, judges, transaction } = attempt
  const later = i === 0 ? '' : `, ${spell(at - first.at)} after the first`
  return el(
    'li',
    {},
    el('strong', {}, `Attempt ${i + 1}`),
    ` at ${clock(at, Date.now())}${later}, from `,
    outside(`${client.address} (${client.rdns ?? client.helo})`),
    client.tls ? ' with TLS' : '',
    el('span', { class: 'dim' }, ` ${mode}, ${strategy}, transaction ${transaction}`),
    judges.map(judgeLine),
    recipients.length === 0
      ? el('div', {}, 'Before any recipient the client was told ', outside(reply ?? 'nothing'))
      : undefined,
    el('ul', { class: 'recipients' }, recipients.map(recipientItem)),
  )
}

function judgeLine({
  judge,
  result,
  score,
  symbols = [],
  why,
}: Attempt['judges'][number]): HTMLElement {
  return el(
    'div',
    { class: 'judged' },
    outside(judge),
    score === undefined ? ` ${result}` : ` gave ${score}`,
    why === undefined ? undefined : outside(` (${why})`),
    symbols.length === 0
      ? undefined
      : el(
          'div',
          { class: 'symbols' },
          symbols.map((symbol) => badgeOf(symbol)),
        ),
  )
}

const badgeOf = (symbol: string): HTMLElement => el('bdi', { class: 'badge quiet outside' }, symbol)

function recipientItem(recipient: Recipient): HTMLElement {
  const { address, reply, reason, policy, taken } = recipient
  const [words, tone] = fateOf(recipient)
  return el(
    'li',
    {},
    el('div', { class: 'line' }, outside(address, 'address'), badge(words, tone)),
    reply === undefined
      ? undefined
      : el('div', {}, 'told ', el('q', { class: 'reply' }, outside(reply))),
    el(
      'div',
      { class: 'dim' },
      explainReason(reason),
      policy === undefined ? undefined : [' Policy ', outside(policy), '.'],
      taken?.queueId === undefined ? undefined : [' Queue id ', outside(taken.queueId), '.'],
    ),
  )
}

function fateOf({
  taken,
  duplicate,
  final,
  verdict,
  reply,
  fate,
}: Recipient): readonly [string, Tone] {
  if (duplicate === true) return ['had it already', 'good']
  if (taken !== undefined && final)
    return [verdict === 'tag' || verdict === 'quarantine' ? `got it, ${verdict}` : 'got it', 'good']
  if (taken !== undefined) return ['has it, told to come again', 'warn']
  if (reply?.startsWith('5') === true) return ['refused', 'quiet']
  if (reply === undefined) return ['no answer', 'warn']
  return fate === 'deferred'
    ? ['deferred to split', 'warn']
    : [final ? 'answered' : 'deferred', 'warn']
}
