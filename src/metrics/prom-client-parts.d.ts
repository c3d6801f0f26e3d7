/** Parts of prom-client that it has no types for: what its first file gives under these names. */
declare module 'prom-client/lib/registry.js' {
  import type { Registry } from 'prom-client'
  const registry: typeof Registry
  export default registry
}
declare module 'prom-client/lib/defaultMetrics.js' {
  import type { collectDefaultMetrics } from 'prom-client'
  const collect: typeof collectDefaultMetrics
  export default collect
}
