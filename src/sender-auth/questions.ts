/**
 * The questions that one message may put to the DNS: a bounded number, bounded by what its client
 * may still ask, and in time.
 */

import type { Answer, KnownAnswers } from './known-answers.ts'

/** Answers as `resolve` of node:dns/promises does, and rejects with its codes. */
export type Resolve = (name: string, type: string) => Promise<Answer>

/** What clients, and all together, may ask in some time. */
export interface QuestionAllowance {
  /** Takes one question if the client may have it. */
  take(clientAddress: string): boolean
}

/**
 * A TXT record that is longer is not read: SPF has no use for one (RFC 7208 3.4), and a key of 4096
 * bits has 800 octets.
 */
const longestRecord = 4096

export interface QuestionLimits {
  readonly resolve: Resolve
  /** Of all messages; a question that is known here is not put, and takes nothing from a client. */
  readonly known: KnownAnswers
  /** Of one message. */
  readonly most: number
  readonly allowance: QuestionAllowance
  readonly clientAddress: string
  readonly end: AbortSignal
}

export interface Questions {
  /** Puts each question once. What may not be asked is rejected as by a resolver that refuses. */
  readonly resolve: Resolve
  /** Why something was not asked, if anything was not. */
  refusal(): string | undefined
}

export function boundedQuestions(limits: QuestionLimits): Questions {
  const answers = new Map<string, Promise<Answer>>()
  let refusal: string | undefined
  const ask = async (name: string, type: string): Promise<Answer> => {
    const question = keyOf(name, type)
    const known = limits.known.of(question)
    const why = whyNot(answers.size, known !== undefined, limits)
    if (why !== undefined) {
      refusal = why
      throw Object.assign(new Error(why), { code: 'EREFUSED' })
    }
    const answer = known ?? read(limits.resolve(name, type), type)
    if (known === undefined) limits.known.keep(question, answer)
    answers.set(question, answer)
    return await answer
  }
  return {
    resolve: async (name, type) =>
      structuredClone(await (answers.get(keyOf(name, type)) ?? ask(name, type))),
    refusal: () => refusal,
  }
}

const keyOf = (name: string, type: string): string => `${type} ${name.toLowerCase()}`

function whyNot(
  asked: number,
  known: boolean,
  { most, allowance, clientAddress, end }: QuestionLimits,
): string | undefined {
  if (end.aborted) return 'nobody waits for the answer'
  if (asked >= most) return 'too many questions for one message (bounces.dns_questions)'
  if (!known && !allowance.take(clientAddress))
    return 'too many questions in a minute (limits.dns_questions_per_minute)'
  return undefined
}

async function read(records: Promise<Answer>, type: string): Promise<Answer> {
  return type === 'TXT' ? withoutLong(await records) : await records
}

function withoutLong(records: Answer): Answer {
  const short = (parts: string | readonly string[]): boolean =>
    (typeof parts === 'string'
      ? parts.length
      : parts.reduce((sum, part) => sum + part.length, 0)) <= longestRecord
  return (records as (string | string[])[]).filter(short) as Answer
}
