/**
 * What Node.js tells of a process: its memory, its event loop, its collections of garbage. Read
 * when somebody asks, and some thirty series a process.
 */
import type { Registry } from 'prom-client'
import type { MetricJson } from './told.ts'

/** Read at this moment. */
export type NodeMetrics = () => Promise<readonly MetricJson[]>

/** It is watched from when the start is over: loading the library would be a tenth of that. */
const beginsAfterMs = 1000

/** `worker`: which of several processes it is; a label. */
export function nodeMetrics(worker: string | undefined): NodeMetrics {
  let register: Promise<Registry> | undefined
  const begun = async (): Promise<Registry> => await (register ??= watched(worker))
  setTimeout(() => void begun(), beginsAfterMs).unref()
  // The library's type says that `type` is a number; it is a word.
  return async () => (await (await begun()).getMetricsAsJSON()) as unknown as readonly MetricJson[]
}

async function watched(worker: string | undefined): Promise<Registry> {
  // These parts alone: the library's first file also loads its client, and with that Node's.
  const { default: OwnRegistry } = await import('prom-client/lib/registry.js')
  const { default: collect } = await import('prom-client/lib/defaultMetrics.js')
  // The library's own registry is one for all that a process does.
  const register = new OwnRegistry()
  collect({ register, ...(worker !== undefined && { labels: { worker } }) })
  return register
}
