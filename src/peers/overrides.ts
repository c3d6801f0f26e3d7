/** What was set for a peer class at run time, in place of its configured strategy. */
import type { StrategyOverride } from '../ledger/ledger.ts'
import type { ConfigurableStrategy } from '../strategy/names.ts'

/** In place of a class's name, which this can't be: none begins a split (`rcptwise drain`). */
export const everyClass = '*'

/** That no split is begun any more, whatever a class is served by (decision 89). */
export const drainOf = (overrides: readonly StrategyOverride[]): StrategyOverride | undefined =>
  overrides.find(({ peer }) => peer === everyClass)

export const isDraining = (overrides: readonly StrategyOverride[]): boolean =>
  overrides.length > 0 && drainOf(overrides) !== undefined

/** `now`: ms since the epoch. */
export const overrideInForce = (
  overrides: readonly StrategyOverride[],
  peer: string,
  now: number,
): StrategyOverride | undefined =>
  overrides.find((set) => set.peer === peer && (set.until === undefined || set.until > now))

/** Set at run time, else configured. */
export const strategyInForce = (
  peer: { readonly name: string; readonly strategy: ConfigurableStrategy },
  overrides: readonly StrategyOverride[],
  now: number,
): ConfigurableStrategy => overrideInForce(overrides, peer.name, now)?.strategy ?? peer.strategy
