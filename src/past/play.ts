/**
 * What one message costs with each strategy: the machine that serves clients is played with
 * (src/rehearsal), attempt by attempt, until everybody has an answer.
 */
import { isForcedRetry } from '../facts/transaction.ts'
import { lessonsOf } from '../peers/observations.ts'
import type { Course } from '../rehearsal/course.ts'
import { playCourse } from '../rehearsal/course.ts'
import type { World } from '../rehearsal/world.ts'
import type { SessionOptions } from '../session/session.ts'
import type { Extensions } from '../smtp/ehlo.ts'
import { type StrategyName, strategyNames } from '../strategy/names.ts'
import type { PeerClass } from '../strategy/peer-class.ts'
import type { Decided, Question } from './decided.ts'

export interface Cost {
  readonly strategy: StrategyName
  /** Recipients told to come again only to split, in all attempts. */
  readonly forcedRetries: number
  readonly attempts: number
  /** Who has the message after the n-th retry, from 0 (the first attempt): how many. */
  readonly delivered: readonly number[]
  /** Recipients told 5yz. */
  readonly refused: number
  /** Recipients who would refuse it, and have it. */
  readonly despite: number
  /** Refusals that the sender learns of in a report. */
  readonly reported: number
  /** The sender has shown that it comes back. */
  readonly teaches: boolean
}

export interface Stage {
  readonly session: SessionOptions
  readonly extensions: Extensions
}

/** `comesBack`: with these strategies this sender was seen to come back before. */
export async function playAll(
  stage: Stage,
  question: Question,
  decided: Decided,
  comesBack: boolean,
): Promise<readonly Cost[]> {
  const costs: Cost[] = []
  for (const strategy of strategyNames) {
    const course = await playOne(stage, question, decided, { strategy, comesBack })
    costs.push(costOf(strategy, course, question, decided))
  }
  return costs
}

/** When a sender comes back that was seen to: within the day. */
const aDay = { fromMs: 0, toMs: 86_400_000 }

async function playOne(
  { session, extensions }: Stage,
  { recipients, findings, servedAs, ...question }: Question,
  decided: Decided,
  { strategy, comesBack }: { readonly strategy: StrategyName; readonly comesBack: boolean },
): Promise<Course> {
  const policies = new Map(recipients.map(({ path, policy }) => [path.address, policy]))
  const world: World = {
    session,
    // It is known already who sends.
    client: { address: '192.0.2.1', port: 0 },
    extensions,
    startsAt: question.at,
    id: 'past',
    serve: () => ({
      ...servedAs,
      peer: servedBy(servedAs.peer, strategy),
      ...(comesBack && { comesBack: aDay }),
    }),
    policyOf(address) {
      const policy = policies.get(address)
      return policy === undefined
        ? { kind: 'failed', source: 'replay', why: 'no answer' }
        : { kind: 'found', policy }
    },
    findingsFor: () => findings,
    vouch: async () => await Promise.resolve(decided.reportable),
    prepareBounce: async () =>
      await Promise.resolve(
        decided.reportable
          ? { ready: true, by: 'symbols' }
          : { ready: false, why: 'unvouched', words: 'no symbol vouches for it' },
      ),
  }
  return await playCourse('legacy', world, {
    helo: 'mail.example.net',
    sender: question.sender.mailbox,
    recipients: recipients.map(({ path }) => path.mailbox),
    international: [question.sender, ...recipients.map(({ path }) => path)].some(
      (path) => path.international,
    ),
    sizeBytes: question.sizeBytes,
    identity: { fingerprint: '0'.repeat(64) },
  })
}

/** Whatever `auto` would have chosen. */
function servedBy(peer: PeerClass, strategy: StrategyName): PeerClass {
  const served: { -readonly [Key in keyof PeerClass]: PeerClass[Key] } = { ...peer, strategy }
  delete served.unvouchedAs
  delete served.chosen
  return served
}

function costOf(
  strategy: StrategyName,
  { attempts }: Course,
  { recipients }: Question,
  decided: Decided,
): Cost {
  const told = attempts.flatMap(({ ended }) => ended?.recipients ?? [])
  const refusing = new Set(
    recipients.flatMap(({ path }, i) =>
      decided.recipients[i]?.verdict === 'reject' ? [path.mailbox] : [],
    ),
  )
  const delivered = attempts.map(({ delivered: these }) => these.map(({ recipient }) => recipient))
  return {
    strategy,
    forcedRetries: told.filter(isForcedRetry).length,
    attempts: attempts.length,
    delivered: delivered.map((these) => these.length),
    refused: told.filter(({ final, reply }) => final && reply?.startsWith('5') === true).length,
    despite: delivered.flat().filter((recipient) => refusing.has(recipient)).length,
    reported: told.filter(({ reported }) => reported === true).length,
    teaches: attempts.some(
      ({ ended }) => ended !== undefined && (lessonsOf(ended)?.returned ?? 0) > 0,
    ),
  }
}
