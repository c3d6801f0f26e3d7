/** Limits per minute, and the limits of a peer class. */
import type { ConfiguredPeerClass, ConfiguredRates } from './config.ts'
import type { Settings } from './schema.ts'

type ClassLimits = Settings['peers'][number]['limits']
type RateSettings = Pick<
  ClassLimits,
  'connections_per_minute' | 'messages_per_minute' | 'recipients_per_minute' | 'errors_per_minute'
>

/** What is left out is left out; `off` is Infinity. */
export function resolveRates(limits: RateSettings): ConfiguredRates {
  const { connections_per_minute: connections, messages_per_minute: messages } = limits
  const { recipients_per_minute: recipients, errors_per_minute: errors } = limits
  return {
    ...(connections !== undefined && { connectionsPerMinute: connections }),
    ...(messages !== undefined && { messagesPerMinute: messages }),
    ...(recipients !== undefined && { recipientsPerMinute: recipients }),
    ...(errors !== undefined && { errorsPerMinute: errors }),
  }
}

export function resolveClassLimits(limits: ClassLimits): ConfiguredPeerClass['limits'] {
  const { sessions, sessions_per_address: perAddress, sessions_per_network: perNetwork } = limits
  return {
    ...(sessions !== undefined && { sessions }),
    ...(perAddress !== undefined && { sessionsPerAddress: perAddress }),
    ...(perNetwork !== undefined && { sessionsPerNetwork: perNetwork }),
    rates: resolveRates(limits),
  }
}
