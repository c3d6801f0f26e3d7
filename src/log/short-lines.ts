/**
 * `log.format: line`: short lines for people who grep, one for each recipient of a transaction.
 * They are made of the JSON line, so that both say the same. Blanks stand between fields and
 * nowhere else, so that nobody outside can write a field of their own into a line.
 */
import { type Json, listOf, objectOf, text } from './line-values.ts'
import { visible } from './visible.ts'

/** Of one value; the JSON line has it whole. */
const mostCharacters = 300

/** Lines of one event, with their ends. */
export function shortLines(json: string): string {
  const line = JSON.parse(json) as Json
  return `${linesOf(line).join('\n')}\n`
}

function linesOf(line: Json): readonly string[] {
  switch (line['event']) {
    case 'transactionEnded':
      return recipientLines(line)
    case 'messageObserved':
      return observedLines(line)
    default:
      return [eventLine(line)]
  }
}

function recipientLines(line: Json): readonly string[] {
  const { time, transaction, from, client, messageId, split } = line
  const recipients = listOf(line['recipients'])
  const about = (fields: Json): string =>
    joined([text(time), field(transaction)], {
      ...fields,
      from: text(from) === '' ? '<>' : from,
      client: objectOf(client)['address'],
      'message-id': messageId,
      split,
    })
  if (recipients.length === 0)
    return [about({ outcome: line['outcome'], code: codeOf(line['reply']) })]
  const left = line['recipientsLeftOut']
  return [
    ...recipients.map((recipient) => about(recipientFields(objectOf(recipient)))),
    ...(left === undefined ? [] : [about({ 'left-out': left })]),
  ]
}

const recipientFields = ({ to, fate, verdict, reason, score, reply }: Json): Json => ({
  to,
  outcome: outcomeOf(codeOf(reply), fate),
  code: codeOf(reply),
  verdict,
  reason: words(reason),
  score,
})

/** With `mode: observe`: what each would have been told, and the code that the client has heard. */
function observedLines(line: Json): readonly string[] {
  const { time, transaction, messageId, divided, recipientsLeftOut } = line
  const about = (fields: Json): string =>
    joined([text(time), field(transaction)], { ...fields, divided, 'message-id': messageId })
  return [
    ...listOf(line['recipients']).map((one) => {
      const { to, told, verdict, reason, score } = objectOf(one)
      const would = { verdict, reason: words(reason), score }
      return about({ to, outcome: 'observed', code: codeOf(told), ...would })
    }),
    ...(recipientsLeftOut === undefined ? [] : [about({ 'left-out': recipientsLeftOut })]),
  ]
}

/** What the client was told of this recipient, in a word. */
function outcomeOf(code: string | undefined, fate: unknown): string {
  switch (code?.[0]) {
    case '2':
      return fate === 'through' ? 'accepted' : text(fate)
    case '4':
      return 'deferred'
    case '5':
      return 'refused'
    default:
      return 'aborted'
  }
}

const codeOf = (reply: unknown): string | undefined => /^[2-5]\d\d/.exec(text(reply))?.[0]

/** Our own words are joined: `shared-reply`. */
const words = (value: unknown): string | undefined =>
  value === undefined ? undefined : text(value).replaceAll(' ', '-')

/** They stand in front of the fields, or behind them; who has written a line is for programs. */
const besides: ReadonlySet<string> = new Set([
  ...['time', 'transaction', 'level', 'event', 'msg', 'pid'],
])

/** What stands behind the fields is for people. */
function eventLine(line: Json): string {
  const { time, transaction, level, event, msg } = line
  const fields = Object.entries(line).filter(([name]) => !besides.has(name))
  const head = [text(time), field(transaction), text(level), field(event)]
  const message = visible(cut(text(msg)))
  return `${joined(head, Object.fromEntries(fields))}${message === '' ? '' : ` : ${message}`}`
}

const joined = (head: readonly string[], fields: Json): string =>
  [
    ...head,
    ...Object.entries(fields).flatMap(([name, value]) =>
      value === undefined ? [] : [`${name}=${field(value)}`],
    ),
  ].join(' ')

/** One word: `-` where there is none; a blank or a backslash in it is spelled out. */
function field(value: unknown): string {
  const plain = cut(text(value))
  if (plain === '') return '-'
  return visible(plain.replace(/[\\\s]/g, spelledOut))
}

const spelledOut = (character: string): string =>
  character === '\\' ? '\\\\' : `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`

const cut = (plain: string): string =>
  plain.length <= mostCharacters ? plain : `${plain.slice(0, mostCharacters)}…`
