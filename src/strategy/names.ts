/** The strategies for legacy clients (design: Strategies), in the order of what they cost the sender. */
export const strategyNames = ['single', 'group', 'late', 'lenient', 'off'] as const
export type StrategyName = (typeof strategyNames)[number]

export const isStrategyName = (name: string): name is StrategyName =>
  (strategyNames as readonly string[]).includes(name)
