/**
 * Attempts as text: a line of JSON for each. The file has those of a batch packed together, since
 * most of what one says the others say, too.
 */
import { deflateSync, inflateSync } from 'node:zlib'
import type { Attempt } from './attempt.ts'
import { type Term, termsOf, valuesOf } from './terms.ts'

/** Attempts that are written together. */
export interface AttemptsText {
  /** Lines of JSON. */
  readonly text: string
  /** Lines, too: by what they are found, so that whoever writes them need not read the JSON. */
  readonly values: string
  /** How many of these each attempt has. */
  readonly counts: readonly number[]
  /** When the first of them was made, and the last. */
  readonly from: number
  readonly until: number
}

export class AttemptsWriter {
  readonly #lines: string[] = []
  readonly #values: string[] = []
  readonly #counts: number[] = []
  #from = Infinity
  #until = -Infinity

  add(attempt: Attempt): void {
    this.#lines.push(JSON.stringify(attempt))
    const values = valuesOf(attempt)
    this.#values.push(...values)
    this.#counts.push(values.length)
    this.#from = Math.min(this.#from, attempt.at)
    this.#until = Math.max(this.#until, attempt.at)
  }

  get attempts(): number {
    return this.#lines.length
  }

  get written(): AttemptsText {
    return {
      text: textOf(this.#lines),
      values: textOf(this.#values),
      counts: this.#counts,
      from: this.#from,
      until: this.#until,
    }
  }
}

export function writtenOf(attempts: readonly Attempt[]): AttemptsText {
  const writer = new AttemptsWriter()
  for (const attempt of attempts) writer.add(attempt)
  return writer.written
}

/** The terms of each. */
export function termsIn({ text, values, counts }: AttemptsText): readonly (readonly Term[])[] {
  const all = linesIn(values)
  let next = 0
  const each = counts.map((count) => all.slice(next, (next += count)))
  // Else a value has a newline in it.
  return (next === all.length ? each : attemptsIn(text).map(valuesOf)).map(termsOf)
}

export const textOf = (lines: readonly string[]): string => lines.join('\n')

const linesIn = (text: string): readonly string[] => text.split('\n')

/** Nothing of a line that is empty: its attempt was removed. */
export const attemptIn = (line: string | undefined): Attempt | undefined =>
  line === undefined || line === '' ? undefined : (JSON.parse(line) as Attempt)

export const attemptsIn = (text: string): readonly Attempt[] =>
  linesIn(text).flatMap((line) => attemptIn(line) ?? [])

/**
 * What is likely to be in a batch, the most likely at the end, so that a batch of one attempt
 * becomes small, too. A part of the file's format: who changes it makes a new version of it.
 */
const dictionary = Buffer.from(
  [
    '"unsplit":"forgiven""trusted""too many retries""crowded""draining"',
    '"verdict":"quarantine""discard""defer""duplicate":true"reported":true',
    '"outcome":"mixed""aborted""refused""mode":"prdr""peer":"trusted"',
    '"fate":"postponed""refused","reason":{"because":"refused by the server"},"final":false,"reply":"550 5.1.1 <',
    '>: Recipient address rejected: User unknown in virtual mailbox table"',
    ' refuses this message as spam"',
    '"returnedAfterMs":60000',
    '"result":"silent""failed""why":"timeout""forced"',
    '451 4.5.3 The recipients of this message are answered separately; please try again in 60 seconds; retry=00:01:00',
    '"fate":"deferred","reason":{"because":"other group"},"final":false,"verdict":"reject","split":"',
    '"symbols":["R_SPF_ALLOW","R_DKIM_ALLOW","DMARC_POLICY_ALLOW","MIME_GOOD","MIME_HTML_ONLY","ARC_NA","ASN","RCVD_TLS_LAST","TO_DN_NONE","FROM_HAS_DN","RCPT_COUNT_ONE","MID_RHS_MATCH_FROM","BAYES_HAM","BAYES_SPAM","R_SPF_NA","DMARC_NA","R_DKIM_NA","FROM_EQ_ENVFROM","TO_MATCH_ENVRCPT_ALL"]',
    '{"at":1790000000000,"ms":80,"transaction":"abcdefghijkl2345.1","peer":"default","client":{"address":"192.0.2.1","helo":"mail.example.com","tls":true,"rdns":"mail.example.com"},"reversePath":"bounces@mail.example.com","recipients":[{"address":"info@example.org","policy":"default","group":1,"verdict":"accept","fate":"through","reason":{"because":"below limits"},"final":true,"reply":"250 2.0.0 Ok: 4096 bytes queued as 4","taken":{"queueId":"4"}}],"mode":"plain","outcome":"accepted","strategy":"late","sizeBytes":20000,"judges":[{"judge":"rspamd","result":"scored","score":1.5,"symbols":[]}],"messageId":"<20@mail.example.com>","score":0,"reply":"250 2.0.0 Ok: queued as 4"}\n',
  ].join(''),
)

/** Level 1: what the next one makes smaller is a hundredth, and takes a tenth more time. */
export const packed = (text: string): Uint8Array => deflateSync(text, { level: 1, dictionary })

/**
 * Octets of the text of a batch, twice what a transaction with most recipients takes: a row that
 * becomes more was made by somebody else.
 */
export const mostTextBytes = 256 * 1024 * 1024

/**
 * The lines of what was packed; undefined where it is damaged, which its sum tells, or becomes too
 * much.
 */
export function unpacked(
  octets: Uint8Array,
  maxOutputLength = mostTextBytes,
): readonly string[] | undefined {
  try {
    return linesIn(inflateSync(octets, { dictionary, maxOutputLength }).toString())
  } catch {
    return undefined
  }
}
