/**
 * What a message waits: 500 messages a second over sessions that stay, sent when they are due
 * whether the ones before are answered or not (an open loop), each step timed. Subjects take turns.
 *
 *     node bench/latency.ts [MESSAGES A SECOND] [SECONDS] [ROUNDS]
 *
 * A message counts from when it was due, so that one that waits for a session that is free counts as
 * late. The client waits for each reply before the next command.
 */
import { once } from 'node:events'
import { connect, type Socket } from 'node:net'
import path from 'node:path'
import { setTimeout as pause } from 'node:timers/promises'
import { startMailTools } from './mail-tools.ts'
import type { Running } from './subject.ts'
import { direct } from './subjects/direct.ts'
import { haproxy } from './subjects/haproxy.ts'
import { nodePipe } from './subjects/node-pipe.ts'
import { rcptwise } from './subjects/rcptwise.ts'

const [rate = 500, seconds = 5, rounds = 4] = process.argv.slice(2).map(Number)
const sessions = 40
/** One client is all senders. */
const limits = 'sessions_per_address: 1000, sessions_per_network: 1000'
const main = path.join(import.meta.dirname, '..', 'src/cli/main.ts')
const text = `${[
  'From: sender@client.test',
  'To: user@example.org',
  'Subject: latency',
  'Message-ID: <%@client.test>',
].join('\r\n')}\r\n\r\n${'All work and no play makes Jack a dull boy.\r\n'.repeat(85)}.\r\n`

const steps = ['MAIL', 'RCPT', 'DATA', 'text', 'message'] as const
type Times = Readonly<Record<(typeof steps)[number], number[]>>
const noTimes = (): Times => ({ MAIL: [], RCPT: [], DATA: [], text: [], message: [] })

/** A session that stays, with one command at a time. */
class Session {
  readonly #socket: Socket
  #heard = ''
  #wake: () => void = () => undefined

  private constructor(socket: Socket) {
    this.#socket = socket
    socket.setNoDelay(true).setEncoding('latin1')
    socket.on('data', (octets: string) => {
      this.#heard += octets
      if (/^\d{3} .*\r\n$/m.test(this.#heard)) this.#wake()
    })
  }

  static async open(port: number): Promise<Session> {
    const socket = connect(port, '127.0.0.1')
    await once(socket, 'connect')
    const session = new Session(socket)
    await session.#reply()
    await session.say('EHLO client.test\r\n')
    return session
  }

  async #reply(): Promise<void> {
    if (!/^\d{3} .*\r\n$/m.test(this.#heard))
      await new Promise<void>((resolve) => {
        this.#wake = resolve
      })
    const reply = this.#heard
    this.#heard = ''
    if (!/^[23]/.test(reply)) throw new Error(`refused: ${reply.trim()}`)
  }

  async say(line: string): Promise<void> {
    this.#socket.write(line)
    await this.#reply()
  }

  close(): void {
    this.#socket.end('QUIT\r\n')
  }
}

async function send(session: Session, due: number, id: string, times: Times): Promise<void> {
  const lines = ['MAIL FROM:<sender@client.test>\r\n', 'RCPT TO:<user@example.org>\r\n', 'DATA\r\n']
  let before = performance.now()
  for (const [i, line] of [...lines, text.replace('%', id)].entries()) {
    await session.say(line)
    const now = performance.now()
    times[steps[i] ?? 'text'].push(now - before)
    before = now
  }
  times.message.push(before - due)
}

async function round(port: number, times: Times): Promise<void> {
  const free = await Promise.all(
    Array.from({ length: sessions }, async () => await Session.open(port)),
  )
  const all = [...free]
  const waiting: number[] = []
  const under = new Set<Promise<void>>()
  const next = (): void => {
    const session = free.length > 0 && waiting.length > 0 ? free.pop() : undefined
    const due = session === undefined ? undefined : waiting.shift()
    if (session === undefined || due === undefined) return
    const sent = send(session, due, String(due), times).then(() => {
      under.delete(sent)
      free.push(session)
      next()
    })
    under.add(sent)
  }
  const start = performance.now()
  for (let n = 0; n < rate * seconds;) {
    for (; n < rate * seconds && start + (n * 1000) / rate <= performance.now(); n++) {
      waiting.push(start + (n * 1000) / rate)
      next()
    }
    await pause(1)
  }
  while (under.size > 0) await Promise.all(under)
  for (const session of all) session.close()
}

function row(name: string, times: Times): string {
  const cells = steps.map((step) => {
    const sorted = times[step].toSorted((a, b) => a - b)
    const at = (part: number): string =>
      (sorted[Math.floor(part * (sorted.length - 1))] ?? 0).toFixed(2)
    return `${at(0.5)} / ${at(0.99)}`.padStart(16)
  })
  return `${name.padEnd(12)}${cells.join('')}`
}

{
  await using tools = await startMailTools()
  const subjects = [direct, haproxy, nodePipe, rcptwise('rcptwise', [main], { limits })]
  const running: { name: string; subject: Running; times: Times }[] = []
  try {
    for (const { name, start } of subjects)
      running.push({ name, subject: await start(tools.sinkPort), times: noTimes() })
    for (const { subject } of running)
      await tools.send(subject.port, 6000, ['-d', '-s', '20', '-l', '4096'])
    for (let n = 0; n < rounds; n++)
      for (const { subject, times } of n % 2 === 0 ? running : running.toReversed())
        await round(subject.port, times)
    console.log(`ms, half / 99 %, at ${rate} messages a second`)
    console.log(`${''.padEnd(12)}${steps.map((step) => step.padStart(16)).join('')}`)
    for (const { name, times } of running) console.log(row(name, times))
  } finally {
    for (const { subject } of running) await subject.stop()
  }
}
