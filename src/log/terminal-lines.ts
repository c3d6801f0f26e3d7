/**
 * `log.format: pretty`: one short line for each event, for people at a terminal. A message's line
 * says who sent it to whom, what came of it, and why. It is made of the JSON line, so that both say
 * the same.
 */
import { paint, type Style } from './colours.ts'
import { type Json, listOf, objectOf, text } from './line-values.ts'
import { visible } from './visible.ts'

/** Of a whole line; the JSON line has all of it. */
const mostCharacters = 400

/** One line, with its end; `paints`: with colours. */
export function terminalLine(json: string, paints: boolean): string {
  const line = JSON.parse(json) as Json
  const said = cut(
    visible(line['event'] === 'transactionEnded' ? messageLine(line) : eventLine(line)),
  )
  const level = text(line['level'])
  const style = styles[level]
  const head = `${timeOf(text(line['time']))} ${(marks[level] ?? level).padEnd(5)}`
  return `${paints && style !== undefined ? paint(style, head) : head} ${said}\n`
}

const styles: Readonly<Record<string, Style>> = {
  fatal: 'red',
  error: 'red',
  warn: 'yellow',
  debug: 'dim',
}
const marks: Readonly<Record<string, string>> = {
  fatal: 'ERROR',
  error: 'ERROR',
  warn: 'WARN',
  info: '',
}

/** Of this place: who looks at a terminal has the same clock. */
function timeOf(iso: string): string {
  const at = new Date(iso)
  return Number.isNaN(at.getTime()) ? iso : at.toTimeString().slice(0, 8)
}

function messageLine(line: Json): string {
  const { from, client, reply, outcome } = line
  const recipients = listOf(line['recipients']).map(objectOf)
  const who = `${orNobody(text(from))} (${text(objectOf(client)['address'])})`
  if (recipients.length === 0) return joined([`${who}: ${text(outcome)}`, text(reply)])
  const left = Number(line['recipientCount'] ?? recipients.length) - 1
  const to = `${text(recipients[0]?.['to'])}${left > 0 ? ` and ${left} more` : ''}`
  return joined([`${who} to ${to}: ${resultOf(recipients)}`, whyOf(recipients)])
}

const orNobody = (address: string): string => (address === '' ? '<>' : address)
const joined = (parts: readonly string[]): string => parts.filter((part) => part !== '').join('; ')

/** Such as `2 accepted, 1 deferred`; where all have the same, the word alone. */
function resultOf(recipients: readonly Json[]): string {
  const counts = countsOf(recipients.map(toldOf))
  const [first] = counts
  if (counts.length === 1 && first !== undefined) return first[0]
  return counts.map(([word, count]) => `${count} ${word}`).join(', ')
}

/** What the client was told of this recipient. */
function toldOf({ reply, fate, verdict }: Json): string {
  switch (text(reply)[0]) {
    case '2':
      return fate === 'through' && (verdict === 'tag' || verdict === 'quarantine')
        ? `accepted (${verdict})`
        : 'accepted'
    case '4':
      return 'deferred'
    case '5':
      return 'refused'
    default:
      return 'aborted'
  }
}

/** The reasons of those to whom something else happened than to be given the message as it came. */
function whyOf(recipients: readonly Json[]): string {
  const reasons = recipients
    .filter((recipient) => toldOf(recipient) !== 'accepted')
    .map(reasonOf)
    .filter((reason) => reason !== '')
  return countsOf(reasons)
    .slice(0, 3)
    .map(([reason]) => reason)
    .join(', ')
}

/** Such as `shared reply, not reject_at (score 9.5, from 8)`. */
function reasonOf({ reason, overrules, score, threshold, limit }: Json): string {
  const numbers = [
    ...(score === undefined ? [] : [`score ${text(score)}`]),
    ...(threshold === undefined ? [] : [`from ${text(threshold)}`]),
    ...(limit === undefined ? [] : [text(limit)]),
  ]
  const words = joined([text(reason)]) + (overrules === undefined ? '' : `, not ${text(overrules)}`)
  return numbers.length === 0 ? words : `${words} (${numbers.join(', ')})`
}

const countsOf = (words: readonly string[]): readonly (readonly [string, number])[] => [
  ...words.reduce(
    (counts, word) => counts.set(word, (counts.get(word) ?? 0) + 1),
    new Map<string, number>(),
  ),
]

/** They stand in front, or say nothing to people. */
const besides: ReadonlySet<string> = new Set(['time', 'level', 'event', 'msg', 'pid', 'session'])

function eventLine(line: Json): string {
  const fields = Object.entries(line).flatMap(([name, value]) =>
    besides.has(name) || value === undefined ? [] : [`${name} ${text(value)}`],
  )
  const message = text(line['msg'])
  return fields.length === 0 ? message : `${message} (${fields.join(', ')})`
}

const cut = (plain: string): string =>
  plain.length <= mostCharacters ? plain : `${plain.slice(0, mostCharacters)}…`
