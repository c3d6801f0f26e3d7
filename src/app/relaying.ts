/** Rule 8 as the configuration has it (docs/relaying.md). */
import { domainsAtMost, type RelayQuestions } from '../backend/endpoints/relay-guard.ts'
import type { Config } from '../config/config.ts'
import { tellsClient } from '../config/resolve-backend.ts'

/**
 * The servers see our address in place of the client's, and may trust it: a route in a local part
 * would be followed for anyone.
 */
export const refusesRoutes = ({ backend }: Config): boolean =>
  backend.servers[0].kind === 'smtp' && !tellsClient(backend) && backend.followsRoutes

/**
 * What each server is asked before mail goes through it: what nobody but itself keeps from being
 * relayed.
 */
export function relayQuestions(config: Config): RelayQuestions | undefined {
  const { backend, relayDomains = [] } = config
  if (backend.servers[0].kind !== 'smtp' || refusesRoutes(config)) return undefined
  // No more than what is asked about: another domain behind these is no reason to ask anew.
  const domains = relayDomains.slice(0, domainsAtMost).map(oneOf)
  return { anyDomain: config.relayDomains === undefined, domains }
}

/** A domain that a pattern fits. */
const oneOf = (pattern: string): string => pattern.replace(/^\*\./, 'relay-probe.')
