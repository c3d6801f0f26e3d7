/** For the contract: a scripted source, in a decorator or not, that can be made to fail. */
import type { Answers, PolicySource, RawPolicy, Source } from '../../src/policy/policy-source.ts'
import { named, type Pace, ScriptedSource } from '../support/scripted-source.ts'
import type { ContractSource, Entries } from './source.contract.ts'

export type Raw = RawPolicy

/** Of a policy that was given by name. */
export const nameOfRaw = (found: Raw): string => (found.kind === 'named' ? found.name : found.kind)

export function breakable(entries: Entries, pace: Pace): ContractSource<Raw>
export function breakable<Found>(
  entries: Entries,
  pace: Pace,
  decorate: (source: PolicySource) => Source<Found>,
): ContractSource<Found>
export function breakable<Found>(
  entries: Entries,
  pace: Pace,
  decorate?: (source: PolicySource) => Source<Found>,
): ContractSource<Found | Raw> {
  const scripted = new ScriptedSource(
    Object.fromEntries(Object.entries(entries).map(([address, name]) => [address, named(name)])),
    pace,
  )
  let broken = false
  const failing: PolicySource = {
    name: scripted.name,
    policiesFor(recipients, signal): Answers<Raw> {
      if (!broken) return scripted.policiesFor(recipients, signal)
      const failed = { kind: 'failed', source: scripted.name, why: 'it is away' } as const
      const answers = recipients.map(() => failed)
      return pace === 'at once' ? answers : Promise.resolve(answers)
    },
    close: async () => await scripted.close(),
  }
  const source = decorate?.(failing) ?? failing
  return {
    source,
    breakIt: (): void => {
      broken = true
    },
    end: async () => await source.close(),
  }
}
