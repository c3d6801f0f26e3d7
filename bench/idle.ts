/**
 * How much memory a session takes that only stays, and whether mail flows beside very many of them
 * and of slow senders:
 *
 *     node bench/idle.ts [--idle 10000] [--slow 500] [--messages 2000] [--tls] [--source]
 *
 * With --tls the idle sessions begin with the handshake.
 *
 * `serve` runs as a process of its own, in front of a fake backend in this one, which is also all
 * of the clients. Everything stays on loopback. Ends with 1 when a session was lost, a message was
 * not taken, or an idle session takes 20 KB or more.
 */
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { commandLine } from '../test/support/command-line.ts'
import { Crowd, withTls } from '../test/support/crowd.ts'
import { Client } from '../test/support/dialogue.ts'
import { startFakeBackend } from '../test/support/fake-backend.ts'
import { freePort, greets } from '../test/support/lab/ports.ts'
import { until } from '../test/support/lab/until.ts'
import { builtProgram, sourceProgram } from './program.ts'
import { endProcess, startProcess } from './process.ts'

const senders = 20
const mostKilobytes = 20

const options = commandLine({ idle: 10_000, slow: 500, messages: 2000, tls: false, source: false })

const configuration = (port: number, tlsPort: number, backend: string): string => `
hostname: mx.example.org
listen: ['127.0.0.1:${port}', { address: '127.0.0.1:${tlsPort}', tls: implicit }]
backend: { servers: ['${backend}'] }
relay_domains: [example.org]
admin: off
workers: 1
limits: { sessions: 100000, sessions_per_address: 100000, sessions_per_network: 100000 }
log: { level: warn }
timeouts: { shutdown: 1s }
`

/** Resident memory of a process, in KB (proc(5)). */
async function residentKilobytes(pid: number): Promise<number> {
  const status = await readFile(`/proc/${pid}/status`, 'latin1')
  return Number(/^VmRSS:\s+(\d+)/m.exec(status)?.[1])
}

async function send(client: Client): Promise<number> {
  const begun = performance.now()
  client.send('MAIL FROM:<fast@client.test>\r\nRCPT TO:<fast@example.org>\r\nDATA\r\n')
  for (const wanted of ['250', '250', '354']) {
    const [line = 'nothing'] = await client.reply()
    if (!line.startsWith(wanted)) throw new Error(`expected ${wanted}, got ${line}`)
  }
  client.send(`Subject: fast\r\n\r\n${`${'x'.repeat(70)}\r\n`.repeat(56)}.\r\n`)
  const [line = 'nothing'] = await client.reply()
  if (!line.startsWith('250')) throw new Error(`a message was not taken: ${line}`)
  return performance.now() - begun
}

/**
 * Sends so many messages over some sessions; the time of each, in ms, shortest first, and of all.
 */
async function flow(
  port: number,
  messages: number,
): Promise<{ readonly each: number[]; readonly seconds: number }> {
  const each: number[] = []
  let left = messages
  const begun = performance.now()
  const session = async (): Promise<void> => {
    const client = await Client.connect(port)
    await client.reply()
    await client.ask('EHLO client.test')
    while (left-- > 0) each.push(await send(client))
    client.close()
  }
  await Promise.all(Array.from({ length: senders }, session))
  return { each: each.sort((a, b) => a - b), seconds: (performance.now() - begun) / 1000 }
}

function describe(
  what: string,
  { each, seconds }: { readonly each: readonly number[]; readonly seconds: number },
): string {
  const at = (share: number): string =>
    (each[Math.min(each.length - 1, Math.floor(each.length * share))] ?? 0).toFixed(1)
  const rate = (each.length / seconds).toFixed(0)
  return `${what}: ${each.length} messages, ${rate} a second; half within ${at(0.5)} ms, 99 % within ${at(0.99)} ms, all within ${at(1)} ms`
}

/**
 * Open files that this process may have; Node has raised the soft limit to the hard one already.
 */
async function checkOpenFiles(wanted: number): Promise<void> {
  const limit = Number(
    /^Max open files\s+\S+\s+(\S+)/m.exec(await readFile('/proc/self/limits', 'latin1'))?.[1],
  )
  if (limit >= wanted) return
  throw new Error(
    `${wanted} open files are needed and ${limit} allowed: raise it (ulimit -Hn), or use a smaller --idle`,
  )
}

interface Ports {
  readonly port: number
  readonly tlsPort: number
}

async function gatherIdle({ port, tlsPort }: Ports, size: number): Promise<Crowd> {
  return options.tls
    ? await Crowd.gather(tlsPort, size, [], withTls)
    : await Crowd.gather(port, size)
}

async function measure(ports: Ports, pid: number, delivered: () => number): Promise<boolean> {
  const { port } = ports
  const [idleSessions, slowSessions, messages] = [options.idle, options.slow, options.messages]
  // Little is done before, so that no memory is left of it that the idle sessions could use again
  // unseen.
  await flow(port, 200)
  await (await gatherIdle(ports, 100))[Symbol.asyncDispose]()
  await sleep(2000)
  const before = await residentKilobytes(pid)
  // The first ones bring what all share: code that is compiled, and memory laid out ahead.
  const few = Math.round(idleSessions / 4)
  await using first = await gatherIdle(ports, few)
  await sleep(3000)
  const between = await residentKilobytes(pid)
  await using idle = await gatherIdle(ports, idleSessions - few)
  await sleep(3000)
  const after = await residentKilobytes(pid)
  const each = (after - between) / (idleSessions - few)
  console.log(
    `${idleSessions} idle sessions${options.tls ? ' with TLS' : ''}: ${before} KB before, ${between} KB with ${few}, ${after} KB with all, ${each.toFixed(1)} KB a session`,
  )

  await flow(port, 5 * messages) // what is hot is compiled
  console.log(describe('beside idle sessions', await flow(port, messages)))
  await using slow = await Crowd.dripping(port, slowSessions, 1000)
  const already = delivered()
  console.log(describe(`beside ${slowSessions} slow senders, too`, await flow(port, messages)))
  const taken = delivered() - already
  const ended = await slow.finish()
  const awake = (await first.ask('NOOP', '250')) + (await idle.ask('NOOP', '250'))
  const words = [
    `${taken} of ${messages} messages delivered`,
    `${ended} of ${slowSessions} slow texts taken at their end`,
  ]
  console.log(
    [
      ...words,
      `${awake} of ${idleSessions} idle sessions awake`,
      `${await residentKilobytes(pid)} KB`,
    ].join(', '),
  )
  await first[Symbol.asyncDispose]()
  await idle[Symbol.asyncDispose]()
  console.log(describe('without them', await flow(port, messages)))
  return (
    taken === messages &&
    ended === slowSessions &&
    awake === idleSessions &&
    (options.tls || each < mostKilobytes)
  )
}

await checkOpenFiles(options.idle + options.slow + 1000)
const directory = await mkdtemp(path.join(tmpdir(), 'rcptwise-bench-'))
try {
  await using backend = await startFakeBackend({ keepTexts: false })
  const [port, tlsPort] = [await freePort(), await freePort()]
  const file = path.join(directory, 'rcptwise.yaml')
  await writeFile(file, configuration(port, tlsPort, backend.url))
  const served = await startProcess(
    [options.source ? sourceProgram : builtProgram(), 'serve', '--config', file],
    'ignore',
  )
  try {
    await until(
      'Rcptwise listens',
      async () => served.child.exitCode !== null || (await greets(port)),
    )
    if (served.child.exitCode !== null) throw new Error(`Rcptwise ended: ${served.said()}`)
    if (!(await measure({ port, tlsPort }, served.pid, () => backend.delivered.length)))
      process.exitCode = 1
  } finally {
    await endProcess(served)
  }
} finally {
  await rm(directory, { recursive: true, force: true })
}
