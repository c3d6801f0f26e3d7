/** What of a configuration is settled for as long as the program runs. */
import { isDeepStrictEqual } from 'node:util'
import type { Config } from '../config/config.ts'

/** Keys of the configuration file, and the part of the configuration that each stands for. */
const settled = {
  ledger: 'ledger',
  history: 'history',
  admin: 'admin',
  workers: 'workers',
  run_as: 'runAs',
} as const satisfies Record<string, keyof Config>

/**
 * The configuration that can be used without a restart, and the keys that stay as they were
 * although they have changed.
 */
export function needsRestart(
  inForce: Config,
  wanted: Config,
): { readonly config: Config; readonly keys: readonly string[] } {
  const { ledger, history, workers, runAs } = inForce
  const config: Config = {
    ...wanted,
    ledger: { ...ledger, patienceMs: wanted.ledger.patienceMs, keepMs: wanted.ledger.keepMs },
    history,
    admin: withTokensOf(wanted.admin, inForce.admin),
    workers,
    runAs,
  }
  const stay = Object.entries(settled).filter(
    ([, part]) => !isDeepStrictEqual(config[part], wanted[part]),
  )
  return { config, keys: stay.map(([key]) => key) }
}

/** Tokens can be others, but not be there at last, or be there no more. */
function withTokensOf(wanted: Config['admin'], inForce: Config['admin']): Config['admin'] {
  if (wanted === undefined || inForce === undefined) return inForce
  const { hosts } = wanted
  const stay = wanted.tokens.length === 0 || inForce.tokens.length === 0
  return { ...inForce, hosts, tokens: stay ? inForce.tokens : wanted.tokens }
}
