/** The log line of a report of refusals. */
import type { BounceFact } from '../facts/bounces.ts'
import { cutText } from './cut.ts'
import type { Log } from './log.ts'
import type { About } from './message-ids.ts'

export function onBounce(log: Log, fact: BounceFact, about: About): void {
  const { session, peer, result, by, recipients } = fact
  const why = fact.why === undefined ? undefined : cutText(fact.why)
  const fields = {
    event: fact.kind,
    session,
    ...about,
    peer,
    from: cutText(fact.reversePath),
    result,
    by,
    recipients,
    why,
  }
  if (result === 'reported') log.info(fields, `${recipients ?? 0} refused: reported to the sender`)
  else if (result === 'failed')
    log.warn(fields, 'the backend did not take the report of refusals: 451')
  else log.info(fields, `refusals not reported to the sender: ${result}`)
}
