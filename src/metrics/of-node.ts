/**
 * What Node.js tells of a process: its memory, its event loop, its collections of garbage. Read
 * when somebody asks, and some thirty series a process.
 */
import { Registry, collectDefaultMetrics } from 'prom-client'
import type { MetricJson } from './told.ts'

/** Read at this moment. */
export type NodeMetrics = () => Promise<readonly MetricJson[]>

/** `worker`: which of several processes it is; a label. */
export function nodeMetrics(worker: string | undefined): NodeMetrics {
  // The library's own registry is one for all that a process does.
  const register = new Registry()
  collectDefaultMetrics({ register, ...(worker !== undefined && { labels: { worker } }) })
  // The library's type says that `type` is a number; it is a word.
  return async () => (await register.getMetricsAsJSON()) as unknown as readonly MetricJson[]
}
