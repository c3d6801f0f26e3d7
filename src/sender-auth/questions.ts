/**
 * The questions that one message may put to the DNS: a bounded number, bounded by what its client
 * may still ask, and in time.
 */

/** Answers as `resolve` of node:dns/promises does, and rejects with its codes. */
export type Resolve = (name: string, type: string) => Promise<string[] | string[][]>

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
  const answers = new Map<string, Promise<string[] | string[][]>>()
  let refusal: string | undefined
  const ask = async (name: string, type: string): Promise<string[] | string[][]> => {
    const why = whyNot(answers.size, limits)
    if (why !== undefined) {
      refusal = why
      throw Object.assign(new Error(why), { code: 'EREFUSED' })
    }
    const answer = limits
      .resolve(name, type)
      .then((records) => (type === 'TXT' ? withoutLong(records) : records))
    answers.set(keyOf(name, type), answer)
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
  { most, allowance, clientAddress, end }: QuestionLimits,
): string | undefined {
  if (end.aborted) return 'nobody waits for the answer'
  if (asked >= most) return 'too many questions for one message (bounces.dns_questions)'
  if (!allowance.take(clientAddress))
    return 'too many questions in a minute (limits.dns_questions_per_minute)'
  return undefined
}

function withoutLong(records: string[] | string[][]): string[] | string[][] {
  const short = (parts: string | readonly string[]): boolean =>
    (typeof parts === 'string'
      ? parts.length
      : parts.reduce((sum, part) => sum + part.length, 0)) <= longestRecord
  return (records as (string | string[])[]).filter(short) as string[] | string[][]
}
