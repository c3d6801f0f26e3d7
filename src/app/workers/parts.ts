/** What a primary does for its worker, as the worker's app sees it. */
import type { Config } from '../../config/config.ts'
import type { SharedLimits } from '../../listen/shared-limits.ts'
import type { Certificates } from '../../tls/certificates.ts'
import type { Lease } from '../leases.ts'

export interface WorkerParts {
  /** In what Node.js tells of the process: the label `worker`. */
  readonly name: string
  /** A handle to listen on, for an entry of `config.listen` by its key (listeners.ts). */
  readonly socketFor: (key: string) => object
  /** Of the files that the primary has read. Rejects, with what to do, when they can't be used. */
  readonly certificates: (config: Config) => Promise<Lease<Certificates> | undefined>
  /** What is limited for all workers together. */
  readonly shared: SharedLimits
  readonly afterAccept: () => void
}
