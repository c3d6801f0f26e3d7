/**
 * What a strategy, or forgiving a message, does to whom, in words for whoever is about to order it.
 * Pure.
 */
import type { ConfigurableStrategy } from './names.ts'
import type { PeerClass } from './peer-class.ts'

export interface Judged {
  /** `backend`: the server behind is the judge, and nothing can be marked for whom it refuses. */
  readonly judging: 'score' | 'backend'
  readonly lenientAs: PeerClass['lenientAs']
}

type Instead = 'tagged' | 'in quarantine'

const insteadOf = ({ lenientAs }: Judged): Instead =>
  lenientAs === 'tag' ? 'tagged' : 'in quarantine'

export function meaningOf(strategy: ConfigurableStrategy, judged: Judged): string {
  const instead = insteadOf(judged)
  switch (strategy) {
    case 'single':
      return 'one group of recipients goes through, the others are told 451 and come again'
    case 'group':
      return 'the largest group of recipients goes through, the others are told 451 and come again'
    case 'late':
      return 'everyone goes through; where they differ, who takes the message has it at once, and the others are told when they come again'
    case 'bounce':
      return `everyone goes through; where they differ, the refusals are reported to the sender if SPF or DKIM vouches for it, else as lenient: ${meaningOf('lenient', judged)}`
    case 'lenient':
      return judged.judging === 'score'
        ? `nobody is told to come again; where they differ, who would refuse the message gets it ${instead}; what all refuse is refused`
        : 'nobody is told to come again; the server behind is asked for each group: who takes the message has it, and if a group refuses, the sender is told so with a 5yz that names who refuses. Nothing can be tagged for them'
    case 'off':
      return judged.judging === 'score'
        ? 'nobody is told to come again; all get what the mildest policy among them says, so who would refuse may get it unmarked'
        : 'nobody is told to come again; the server behind is asked once for all, and its answer is for all: a refusal refuses it for everyone'
    case 'auto':
      return 'late, and lenient for senders that were seen not to come back'
  }
}

/** `reply`: the refusal that is kept for them. */
export interface ForgivenRecipient {
  readonly state: 'waiting' | 'refused' | 'delivering' | 'delivered' | 'answered'
  readonly reply?: string
}

/** What becomes of a recipient at the next attempt of a message that is forgiven. */
export function fateIfForgiven(
  { state, reply = '5yz' }: ForgivenRecipient,
  forgiveAs: PeerClass['forgiveAs'],
  judged: Judged,
): string {
  const instead = insteadOf(judged)
  switch (state) {
    case 'answered':
      return 'has an answer already'
    case 'delivered':
      return 'has the message already, and does not get it again'
    case 'refused':
      if (judged.judging === 'backend')
        return forgiveAs === 'off'
          ? 'the server behind is asked once more, together with the others'
          : `stays refused, and the sender is told: ${reply}`
      return forgiveAs === 'off'
        ? 'gets it unmarked if another one who is offered takes it; refused if all refuse it'
        : `gets it ${instead} if another one who is offered takes or has it; refused if all refuse it`
    case 'waiting':
    case 'delivering':
      if (judged.judging === 'backend')
        return forgiveAs === 'off'
          ? 'the server behind is asked, together with the others: its answer is for all'
          : 'the server behind is asked: gets it, or the sender is told of the refusal'
      return forgiveAs === 'off'
        ? 'is judged, and gets what the mildest of those who are offered takes'
        : `is judged: gets it, or ${instead} where it would be refused and another one takes it`
  }
}
