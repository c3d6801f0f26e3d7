/** Asking a `serve` how it is. */
import { getReadiness } from '../../admin/operations/health.ts'
import { getMetrics } from '../../admin/operations/metrics.ts'
import { readiness } from '../../admin/schemas.ts'
import type { AdminCommand } from '../admin-client.ts'
import { CommandFailure } from '../command-failure.ts'
import { Samples } from './samples.ts'
import { type State, stateOf } from './state.ts'

export interface Look {
  readonly at: number
  readonly state: State
  readonly samples: Samples
}

/** @throws CommandFailure */
export async function look({ read }: AdminCommand): Promise<Look> {
  const [ready, metrics] = await Promise.all([read(getReadiness), read(getMetrics)])
  const said = readiness.safeParse(parsed(ready.text))
  const samples = new Samples(metrics.text)
  if (!said.success || samples.one('started_seconds') === undefined)
    throw new CommandFailure(
      'unreachable',
      "what answers is no serve of Rcptwise: is it another program's address?",
    )
  return { at: Date.now(), state: stateOf(said.data, samples), samples }
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return undefined
  }
}
