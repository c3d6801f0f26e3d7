/**
 * The answer where the refusals are in a report to the sender (strategy `bounce`): the reply is
 * that of those who have the message.
 */
import { isPermanent, isPositive } from '../smtp/reply.ts'
import { replies } from '../smtp/replies.ts'
import { type Answer, because, type Outcome } from './answer.ts'

/**
 * Who refuses, where everyone is decided and some have the message: these can be reported. Empty
 * otherwise.
 */
export function refusalsAmong(outcomes: readonly Outcome[]): readonly Outcome[] {
  const refused = outcomes.filter(({ reply }) => isPermanent(reply))
  const accepted = outcomes.filter(({ reply }) => isPositive(reply))
  return accepted.length > 0 && accepted.length + refused.length === outcomes.length ? refused : []
}

/** The backend has taken the report: nobody has to come again for those who refuse. */
export function answerReported(outcomes: readonly Outcome[]): Answer {
  const accepted = outcomes.find(({ reply }) => isPositive(reply))
  return {
    lines: [accepted?.reply ?? replies.ok],
    refusalsKept: [],
    deliveredUnsaid: [],
    final: outcomes.flatMap((outcome) =>
      isPermanent(outcome.reply) ? because('reported', [outcome]) : [outcome],
    ),
  }
}
