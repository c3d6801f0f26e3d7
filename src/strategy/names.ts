/**
 * The strategies for legacy clients (design: Strategies), in the order of what they cost the
 * sender.
 */
export const strategyNames = ['single', 'group', 'late', 'bounce', 'lenient', 'off'] as const
/** What can be in force for a transaction. */
export type StrategyName = (typeof strategyNames)[number]

/**
 * What can be configured or set for a class: `auto` becomes another name before a session sees it.
 */
export const configurableStrategies = [...strategyNames, 'auto'] as const
export type ConfigurableStrategy = (typeof configurableStrategies)[number]

export const isStrategyName = (name: string): name is StrategyName =>
  (strategyNames as readonly string[]).includes(name)

export const isConfigurableStrategy = (name: string): name is ConfigurableStrategy =>
  (configurableStrategies as readonly string[]).includes(name)
