/**
 * What outlives a configuration as long as another one needs it in the same way: a pool with what
 * it knows of its servers, judges, sources of policies and of aliases.
 */
import type { WatchedBackend } from '../backend/backend.ts'
import type { JudgeConfig } from '../config/config.ts'
import type { Judge } from '../judge/judge.ts'
import { type AliasSourceSettings, openAliasSource, type OpenAliasSource } from './alias-source.ts'
import { type BackendSettings, type BackendSurroundings, openBackend } from './backend.ts'
import { openJudge } from './judge.ts'
import { Leases } from './leases.ts'
import {
  type OpenPolicySource,
  openPolicySource,
  type PolicySourceSettings,
} from './policy-source.ts'

export interface LeasedParts {
  readonly backends: Leases<BackendSettings, WatchedBackend>
  readonly judges: Leases<JudgeConfig, Judge>
  readonly policySources: Leases<PolicySourceSettings, OpenPolicySource>
  readonly aliasSources: Leases<AliasSourceSettings, OpenAliasSource>
}

export function leasedParts(surroundings: Required<BackendSurroundings>): LeasedParts {
  return {
    backends: new Leases({
      async open(settings) {
        const backend = openBackend(settings, surroundings)
        await backend.probe() // EHLO cannot be merged with one that was never seen
        return backend
      },
      // Who changes the configuration may have mended the server a moment ago.
      async renew(backend) {
        if (backend.trouble() !== undefined) await backend.probe()
      },
    }),
    judges: new Leases({ open: (settings) => openJudge(settings, surroundings) }),
    policySources: new Leases({
      open: async (settings) => await openPolicySource(settings, surroundings),
      renew: async (source) => await source.renew(),
    }),
    aliasSources: new Leases({
      open: async (settings) => await openAliasSource(settings, surroundings),
      renew: async (source) => await source.renew(),
    }),
  }
}
