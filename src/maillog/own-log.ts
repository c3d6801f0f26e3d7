/** Rcptwise's own log in JSON: the line of each transaction (docs/log.md). */
import { isObject, type Json } from '../exchange/json.ts'
import { jsonIn, octets } from './json-values.ts'
import { type Attempt, OwnAttempts } from './own-attempts.ts'
import { type Seen, unreadable } from './sighting.ts'

export class OwnLog {
  readonly #attempts = new OwnAttempts()

  /** `line`: from `{` on. `at` of the answer is undefined where it can't be read. */
  read(line: string): { readonly at?: number; readonly seen: Seen } {
    const read = jsonIn(line)
    if (!isObject(read)) return { seen: unreadable }
    const { event, time } = read
    const at = typeof time === 'string' ? Date.parse(time) : Number(time)
    if (typeof event !== 'string' || Number.isNaN(at)) return { seen: unreadable }
    if (event !== 'transactionEnded') return { at, seen: undefined }
    const attempt = attemptIn(read, at)
    return { at, seen: attempt === undefined ? unreadable : this.#attempts.take(attempt) }
  }
}

function attemptIn(line: Json, at: number): Attempt | undefined {
  const { client, recipients, score, symbols, size, mode, split, outcome } = line
  const sender = octets(line['from'])
  const address = isObject(client) ? octets(client['address']) : undefined
  if (sender === undefined || address === undefined || !Array.isArray(recipients)) return undefined
  const names = Array.isArray(symbols) ? symbols.flatMap((one) => octets(one) ?? []) : []
  const helo = isObject(client) ? octets(client['helo']) : undefined
  return {
    at,
    client: { address, ...(helo !== undefined && { helo }) },
    sender,
    recipients: recipients.filter(isObject).flatMap(recipientIn),
    more: line['recipientsLeftOut'] !== undefined,
    sizeBytes: typeof size === 'number' ? size : 0,
    scores: typeof score === 'number' ? [{ scanner: 'any', score, symbols: names }] : [],
    prdr: mode === 'prdr',
    refused: outcome === 'refused',
    trusted: line['unsplit'] === 'trusted',
    ...(typeof split === 'string' && { split }),
  }
}

function recipientIn(one: Json): Attempt['recipients'] {
  const { to, fate, reason } = one
  const address = octets(to)
  return address === undefined ? [] : [{ address, fate: String(fate), reason: String(reason) }]
}
