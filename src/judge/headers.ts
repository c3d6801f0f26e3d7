/**
 * The judge that believes what a scanner in front has written: one field, from clients that are
 * named. Anybody can write such a field, so it counts only
 *
 * - from a client whose own work it is, or comes through: the host of the scanner;
 * - at the top, above the first Received field, which that host has added itself: what the sender
 *   wrote stands below it; the topmost counts;
 * - or, where there is none, once in the whole section: a scanner that writes at the end (rspamd
 *   through Postfix) removes those of the sender. More
 *   than one there are the sender's too, and nobody knows which: then the judge has failed.
 *
 * GTUBE is certain spam, whoever sends it.
 */
import { readFields } from '../message/header-fields.ts'
import { HeaderReader, type HeaderSection } from '../message/header-section.ts'
import { GtubeFinder, gtubeScore } from './gtube.ts'
import type { Judgement } from '../verdict/judgement.ts'
import type { Judge, Onlooker } from './judge.ts'
import { type ScoreField, scoreIn } from './score-field.ts'

export interface HeadersJudgeOptions {
  readonly field: ScoreField
  /** Whether a client's fields are believed. */
  readonly believes: (clientAddress: string) => boolean
}

const silent: Judgement = { kind: 'silent' }

class HeadersJudging implements Onlooker {
  readonly way = 'looks on'
  readonly #field: ScoreField
  readonly #gtube = new GtubeFinder()
  /** Absent once the section is known, and of who is not believed. */
  #reader: HeaderReader | undefined
  #judgement: Judgement | undefined

  constructor(field: ScoreField, believed: boolean) {
    this.#field = field
    this.#reader = believed ? new HeaderReader() : undefined
  }

  push(chunk: Buffer): void {
    this.#gtube.push(chunk)
    const section = this.#reader?.push(chunk)
    if (section === undefined) return
    this.#reader = undefined
    this.#judgement = judgeHeader(section, this.#field)
  }

  settled(): Judgement | undefined {
    const known = this.#gtube.settled && this.#reader === undefined
    return known || this.#gtube.found ? this.end() : undefined
  }

  end(): Judgement {
    if (this.#gtube.found) return { kind: 'judged', score: gtubeScore, symbols: ['GTUBE'] }
    if (this.#reader === undefined) return this.#judgement ?? silent
    return judgeHeader(this.#reader.end(), this.#field)
  }
}

export function judgeHeader({ header, end }: HeaderSection, field: ScoreField): Judgement {
  if (end === 'limit') return { kind: 'failed', why: 'the header section is too long to be read' }
  const fields = readFields(header)?.leading
  if (fields === undefined) return { kind: 'failed', why: 'the header section has too many fields' }
  const name = field.toLowerCase()
  const received = fields.findIndex((one) => one.name === 'received')
  const above = fields.slice(0, received === -1 ? fields.length : received)
  const written = above.find((one) => one.name === name)
  const [first, second] =
    written === undefined ? fields.filter((one) => one.name === name) : [written]
  if (first === undefined) return silent
  if (second !== undefined)
    return {
      kind: 'failed',
      why: `more than one ${field}: the scanner has to remove those of senders`,
    }
  const score = scoreIn(field, first.value)
  if (score === undefined) return { kind: 'failed', why: `${field} has no score where it belongs` }
  return { kind: 'judged', score, symbols: [field] }
}

export const headersJudge = ({ field, believes }: HeadersJudgeOptions): Judge => ({
  name: 'headers',
  edits: false,
  scores: true,
  message: ({ client }) => new HeadersJudging(field, believes(client.address)),
  trouble: () => undefined,
  check: async () => await Promise.resolve(undefined),
  close: async () => await Promise.resolve(),
})
