/**
 * Who goes through and who is deferred, for the strategies that split at RCPT (`group`, `single`,
 * and `late` on a retry). Pure.
 */

/** A recipient whom the backend would take, with what is known of them. */
export interface Offered {
  readonly index: number
  /** Recipients of one group can share an answer. */
  readonly group: string
  readonly neverDefer: boolean
  /** The refusal is known already: goes last, when nobody else is deferred (rule 2). */
  readonly willBeRefused: boolean
  /**
   * How much speaks for it that to let them go first would be in vain, since their refusal is kept
   * of a message that this may be, or they went last time without an answer. Nobody waits for it
   * who would not wait for the sake of another group.
   */
  readonly inVain: number
  /** Has the message already: can share the answer of any group that is accepted. */
  readonly hasIt: boolean
  /** Others of the same message are still to come before this one. */
  readonly othersExpected: boolean
}

/** What this transaction has let through so far. */
export type Going =
  | { readonly kind: 'nobody' }
  | { readonly kind: 'group'; readonly group: string }
  /** Those whose refusal is known, together. */
  | { readonly kind: 'refused' }

export interface Deferral {
  readonly index: number
  readonly why: 'other group' | 'single' | 'rule 2'
}

export interface Choice {
  readonly going: Going
  readonly through: readonly number[]
  readonly deferred: readonly Deferral[]
}

/**
 * `late` lets everyone through but those whose refusal is known: they go last, as with the others.
 */
export type Splitting = 'group' | 'single' | 'late'

export interface ChoosingBy {
  readonly strategy: Splitting
  readonly first: 'largest' | 'offered'
}

/** Decides over one batch of recipients: all that were pipelined together, or one. */
export const choose = (offered: readonly Offered[], going: Going, by: ChoosingBy): Choice =>
  goesWhole(offered, going, by) ?? chooseAmong(offered, going, by)

/** What most batches come to, before anything is weighed: all of it belongs to what is going. */
function goesWhole(
  offered: readonly Offered[],
  going: Going,
  { strategy }: ChoosingBy,
): Choice | undefined {
  const [first] = offered
  if (first === undefined || strategy === 'single' || going.kind === 'refused') return undefined
  const apart = strategy !== 'late'
  const group = going.kind === 'group' ? going.group : apart ? first.group : ''
  if (!apart && group !== '') return undefined
  for (const one of offered)
    if (one.willBeRefused || (apart && one.group !== group)) return undefined
  const through = offered.map(({ index }) => index)
  return { going: going.kind === 'group' ? going : { kind: 'group', group }, through, deferred: [] }
}

/** The same answer in all cases. */
export function chooseAmong(offered: readonly Offered[], going: Going, by: ChoosingBy): Choice {
  // For `late` the policies do not matter before the text.
  const batch = by.strategy === 'late' ? offered.map((one) => ({ ...one, group: '' })) : offered
  const open = batch.filter((offered) => !offered.willBeRefused)
  const decided = going.kind === 'nobody' ? start(batch, open, by) : going
  const passes = passing(batch, going, decided, by)
  return {
    going: decided,
    through: batch.filter(passes).map((offered) => offered.index),
    deferred: batch
      .filter((offered) => !passes(offered))
      .map(({ index, willBeRefused, group }) => {
        if (willBeRefused) return { index, why: 'rule 2' }
        const alone = decided.kind === 'group' && decided.group === group
        return { index, why: alone ? 'single' : 'other group' }
      }),
  }
}

function start(batch: readonly Offered[], open: readonly Offered[], by: ChoosingBy): Going {
  const undelayed = open.filter((offered) => offered.neverDefer)
  const lacking = open.filter((offered) => !offered.hasIt)
  const among = preferred(undelayed.length > 0 ? undelayed : lacking.length > 0 ? lacking : open)
  const [first] = among
  if (first !== undefined) {
    const group = by.first === 'offered' ? first.group : largest(among)
    return { kind: 'group', group }
  }
  return batch.some((offered) => !offered.othersExpected) ? { kind: 'refused' } : { kind: 'nobody' }
}

/** Those with whom it is the least in vain. */
function preferred(offered: readonly Offered[]): readonly Offered[] {
  const least = offered.reduce((so, { inVain }) => Math.min(so, inVain), Infinity)
  return offered.filter(({ inVain }) => inVain === least)
}

function largest(offered: readonly Offered[]): string {
  const sizes = new Map<string, number>()
  for (const { group } of offered) sizes.set(group, (sizes.get(group) ?? 0) + 1)
  let best: [string, number] = ['', 0]
  // a tie goes to the one offered first
  for (const entry of sizes) if (entry[1] > best[1]) best = entry
  return best[0]
}

function passing(
  batch: readonly Offered[],
  before: Going,
  now: Going,
  by: ChoosingBy,
): (offered: Offered) => boolean {
  switch (now.kind) {
    case 'nobody':
      return () => false
    case 'refused':
      return (offered) =>
        offered.willBeRefused && (before.kind === 'refused' || !offered.othersExpected)
    case 'group': {
      const members = preferred(
        batch.filter(
          (offered) => !offered.willBeRefused && !offered.hasIt && offered.group === now.group,
        ),
      )
      const only = members.find((offered) => offered.neverDefer) ?? members[0]
      const alone = (offered: Offered): boolean =>
        before.kind === 'nobody' && offered.index === only?.index
      return (offered) =>
        !offered.willBeRefused &&
        (offered.neverDefer ||
          offered.hasIt ||
          (offered.group === now.group && (by.strategy !== 'single' || alone(offered))))
    }
  }
}
