/** Where a worker process begins; worker-program.ts is all that it does. */
import { setOptionsAside } from '../../service/v8-flags.ts'

setOptionsAside() // until it takes mail
await import('./worker-program.ts')
