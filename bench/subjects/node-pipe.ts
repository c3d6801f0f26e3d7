/**
 * A TCP pipe in Node that knows nothing of SMTP: the cost of moving octets through Node twice, with
 * a connection of its own to the backend for each client.
 */
import { connect, createServer } from 'node:net'
import type { AddressInfo } from 'node:net'
import { fileURLToPath } from 'node:url'
import { endProcess, startProcess } from '../process.ts'
import type { Subject } from '../subject.ts'

export const nodePipe: Subject = {
  name: 'node-pipe',
  start: async (sinkPort) => {
    const started = await startProcess([fileURLToPath(import.meta.url), String(sinkPort)], 'pipe')
    const port = Number(await started.firstLine())
    if (!(port > 0)) throw new Error(`the pipe did not start: ${started.said()}`)
    return { port, pid: started.pid, stop: async () => await endProcess(started) }
  },
}

/** The process itself: `node node-pipe.ts BACKEND_PORT` says its port on stdout. */
function serve(backendPort: number): void {
  const server = createServer({ noDelay: true }, (client) => {
    const backend = connect({ port: backendPort, host: '127.0.0.1', noDelay: true })
    client.on('error', () => backend.destroy())
    backend.on('error', () => client.destroy())
    client.pipe(backend)
    backend.pipe(client)
  })
  server.listen({ host: '127.0.0.1', port: 0, backlog: 1024 }, () => {
    console.log((server.address() as AddressInfo).port)
  })
}

if (import.meta.main) serve(Number(process.argv[2]))
