/** The lines of `mode: observe`: what each recipient of a message would have been told. */
import type { Fact } from '../facts/fact.ts'
import type { WouldBe } from '../facts/observed.ts'
import { cutList, cutText } from './cut.ts'
import type { Floods } from './floods.ts'
import type { Log } from './log.ts'
import { cutOptional, reasonFields } from './transaction-line.ts'

type Observed = Fact & { readonly kind: 'messageObserved' }
type NotObserved = Fact & { readonly kind: 'messageNotObserved' }

export function onObserved(log: Log, fact: Observed): void {
  log.deferred(fact.at, () => ({ fields: fieldsOf(fact), message: describe(fact) }))
}

/** One a minute and reason: a filter that is away keeps every message from being observed. */
export function onNotObserved(log: Log, fact: NotObserved, floods: Floods): void {
  const { kind: event, at, transaction, peer, messageId, why } = fact
  const more = floods.line(why, at)
  if (more === undefined) return
  log.warn(
    { event, transaction, peer, messageId: cutOptional(messageId), why, ...more },
    `message passed on, not observed: ${why}`,
  )
}

function fieldsOf(fact: Observed): Record<string, unknown> {
  const { kind: event, transaction, peer, divided, costs = [], messageId, score, ms } = fact
  const recipients = cutList(fact.recipients, recipientFields)
  return {
    event,
    transaction,
    peer,
    recipients: recipients.shown,
    recipientCount: fact.recipients.length,
    ...(recipients.leftOut.leftOut !== undefined && {
      recipientsLeftOut: recipients.leftOut.leftOut,
    }),
    divided,
    ...(fact.costs !== undefined && {
      forcedRetries: Object.fromEntries(
        costs.map(({ strategy, forcedRetries }) => [strategy, forcedRetries]),
      ),
    }),
    messageId: cutOptional(messageId),
    score,
    symbols: fact.symbols === undefined ? undefined : cutList(fact.symbols, cutText).shown,
    ms,
  }
}

const recipientFields = (one: WouldBe): Record<string, unknown> => ({
  to: cutText(one.address),
  policy: one.policy,
  group: one.group,
  verdict: one.verdict,
  ...reasonFields(one.reason),
  at: one.at,
  told: cutText(one.told),
})

function describe({ recipients, divided }: Observed): string {
  const counts = Map.groupBy(recipients, ({ verdict }) => verdict)
  const words = [...counts].map(([verdict, { length }]) => `${length} ${verdict}`)
  return `passed on; would have been ${words.join(', ')}${divided ? ': divided' : ''}`
}
