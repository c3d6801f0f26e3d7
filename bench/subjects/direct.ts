/** smtp-source straight to smtp-sink: what the two can do on this machine. */
import type { Subject } from '../subject.ts'

export const direct: Subject = {
  name: 'direct',
  start: async (sinkPort) =>
    await Promise.resolve({ port: sinkPort, stop: async () => await Promise.resolve() }),
}
