/** All that an explanation is told with. */
import type { Explanation, Question } from '../../app/explain/explain.ts'
import type { Config } from '../../config/config.ts'
import type { ServeAnswer } from './ask-serve.ts'

export interface About {
  readonly config: Config
  readonly question: Question
  readonly serve: ServeAnswer
  readonly explanation: Explanation
}

/** What can't be known without delivering the message, in words. */
export function unknowns({ config, question, serve, explanation }: About): readonly string[] {
  const { peer } = explanation
  const auto = peer.peer.chosen !== undefined
  return [
    ...(config.mode === 'enforce'
      ? []
      : [
          `The configuration says mode: ${config.mode}; this is what would happen with mode: enforce.`,
        ]),
    config.lastWord === 'backend'
      ? 'Your server has the last word, and was not asked. Here it takes every group; what it refuses, it refuses for that group alone.'
      : 'Your server was not asked: whether it has these recipients, and whether it takes the text.',
    ...(question.client.given
      ? []
      : [
          'No --client was given: the client is a stranger, so SPF and the rules about its address and name say nothing.',
        ]),
    ...(serve.kind === 'not told'
      ? [
          `No running serve was asked (${serve.why.replace(/\.$/, '')}): strategies that were set at run time${auto ? ', and what was learned of this sender,' : ''} are not known.`,
        ]
      : []),
    'Limits, and splits that are open in the ledger, were not looked at.',
  ]
}
