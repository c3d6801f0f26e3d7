/** Many large messages before a judge at one time, and how much memory that takes. */
import { once } from 'node:events'
import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { createServer, type Server } from 'node:http'
import { type AddressInfo, connect } from 'node:net'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { Client } from '../test/support/dialogue.ts'
import { freePort, greets } from '../test/support/lab/ports.ts'
import { until } from '../test/support/lab/until.ts'
import { endProcess, startProcess } from './process.ts'

export interface JudgedAtOnce {
  readonly messages: number
  readonly mebibytes: number
  /** `spool.total_memory`, MiB. */
  readonly spoolMemory: number
}

/** MiB of resident memory. */
export interface MeasuredMemory {
  readonly before: number
  readonly most: number
  /** Messages that were refused in the words of the judge. */
  readonly refused: number
  readonly seconds: number
}

/**
 * MiB that the process may take beside `spool.total_memory`, however many messages there are: garbage
 * that is not collected yet, buffers on their way, compiled code.
 */
export const mostBeside = 256

const mebibyte = 1024 * 1024
/** Less than `time_limit` of the judge. */
const patienceMs = 280_000
const words = 'judged at once with all others'

const configuration = (port: number, rspamd: number, of: JudgedAtOnce): string => `
hostname: mx.example.org
listen: 127.0.0.1:${port}
backend: { servers: ['sink:mail'] }
admin: off
workers: 1
spool: { total_memory: ${of.spoolMemory}MiB, directory: spool }
judges: [{ rspamd: { url: 'http://127.0.0.1:${rspamd}', max_size: 1GiB, at_a_time: 1000, time_limit: 5m } }]
limits: { message_size: 1GiB, sessions_per_address: 10000, sessions_per_network: 10000 }
log: { level: warn }
timeouts: { shutdown: 1s }
`

export async function measureJudged(of: JudgedAtOnce): Promise<MeasuredMemory> {
  const directory = await mkdtemp(path.join(tmpdir(), 'rcptwise-judged-'))
  const rspamd = await startRspamd(of.messages)
  try {
    await mkdir(path.join(directory, 'spool'))
    const port = await freePort()
    const file = path.join(directory, 'rcptwise.yaml')
    await writeFile(file, configuration(port, (rspamd.address() as AddressInfo).port, of))
    const program = path.join(import.meta.dirname, '..', 'src', 'cli', 'main.ts')
    const served = await startProcess([program, 'serve', '--config', file], 'ignore')
    try {
      await until(
        'Rcptwise listens',
        async () => served.child.exitCode !== null || (await greets(port)),
      )
      if (served.child.exitCode !== null) throw new Error(`Rcptwise ended: ${served.said()}`)
      const before = await resident(served.pid, 'VmRSS')
      const begun = performance.now()
      const replies = await Promise.all(
        Array.from({ length: of.messages }, async () => await send(port, of.mebibytes)),
      )
      const seconds = (performance.now() - begun) / 1000
      const refused = replies.filter((reply) => reply === `550 5.7.1 ${words}`).length
      return { before, most: await resident(served.pid, 'VmHWM'), refused, seconds }
    } finally {
      await endProcess(served)
    }
  } finally {
    rspamd.close()
    await rm(directory, { recursive: true, force: true })
  }
}

/** Answers when so many have shown it their whole text. */
async function startRspamd(messages: number): Promise<Server> {
  const all = Promise.withResolvers<undefined>()
  let complete = 0
  const answer = JSON.stringify({
    score: 0,
    action: 'reject',
    is_skipped: true,
    messages: { smtp_message: words },
  })
  const server = createServer((request, response) => {
    request.resume().once('end', () => {
      complete++
      if (complete === messages) all.resolve(undefined)
      void all.promise.then(() => response.end(answer))
    })
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  return server
}

/** A piece of a text, in lines; all messages have the same in memory. */
const piece = Buffer.from(`${'x'.repeat(62)}\r\n`.repeat(1024))

async function send(port: number, mebibytes: number): Promise<string> {
  const socket = connect(port, '127.0.0.1')
  await once(socket, 'connect')
  const client = new Client(socket, patienceMs)
  await client.reply()
  await client.ask('EHLO client.test')
  await client.ask('MAIL FROM:<s@client.test>')
  await client.ask('RCPT TO:<ann@example.org>')
  await client.ask('DATA')
  socket.write('Subject: large\r\n\r\n')
  for (let left = (mebibytes * mebibyte) / piece.length; left > 0; left--)
    if (!socket.write(piece)) await once(socket, 'drain')
  const reply = await client.ask('.')
  client.close()
  return reply
}

/** Of a process, MiB (proc(5)). */
async function resident(pid: number, what: 'VmRSS' | 'VmHWM'): Promise<number> {
  const status = await readFile(`/proc/${pid}/status`, 'latin1')
  const kilobytes = new RegExp(`^${what}:\\s+(\\d+)`, 'm').exec(status)?.[1]
  return Math.round(Number(kilobytes) / 1024)
}
