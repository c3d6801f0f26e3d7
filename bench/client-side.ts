/**
 * What the client's side of a message costs without sockets, without a server behind, without
 * ledger and policies: lines, machine, judge, and what runs a transaction
 * (docs/decisions/0147-the-client-side-of-a-small-message.md). Twenty connections say
 * their next command when the last one was answered. Compare two checkouts in turn, some processes
 * of each: two of one differ by a twentieth.
 *
 *     node bench/client-side.ts [kept|fresh] [MESSAGES] [ROUNDS]
 */
import { EventEmitter } from 'node:events'
import type { Socket } from 'node:net'
import { tmpdir } from 'node:os'
import { setImmediate as nextTurn } from 'node:timers/promises'
import { connectionOptions } from '../src/app/session.ts'
import type { Backend, BackendTransaction, EnvelopeListener } from '../src/backend/backend.ts'
import type { Bounces } from '../src/bounce/bounce.ts'
import { parseConfig } from '../src/config/load.ts'
import { headersJudge } from '../src/judge/headers.ts'
import type { Ledger } from '../src/ledger/ledger.ts'
import { Connection } from '../src/listen/connection.ts'
import { SpoolBudget } from '../src/listen/spool-budget.ts'
import { inRanges, PeerDirectory } from '../src/peers/peer-directory.ts'
import type { Reply } from '../src/smtp/reply.ts'
import { median } from './rounds.ts'

const [mode = 'kept', messages = '20000', rounds = '7'] = process.argv.slice(2)
const connections = 20
const octets = 4096

const loaded = parseConfig(
  `
hostname: mx.example.org
listen: 127.0.0.1:2525
backend: { servers: ['smtp://127.0.0.1:2526'] }
relay_domains: [example.org]
judges: [{ headers: { from: [127.0.0.0/8] } }]
limits: { transactions_per_session: 1000000 }
`,
  'rcptwise.yaml',
)
if (!loaded.ok) throw new Error(loaded.problems.map(({ message }) => message).join('\n'))
const { config } = loaded
const policy = config.recipients.defaultPolicy

const accepted: Reply = { code: 250, lines: ['2.1.5 Ok'] }
const taken: Reply = { code: 250, lines: ['2.0.0 Ok: queued as 4fGhTz1K2mzXyZ'] }
const nothing = new Map<never, never>()
/** What the server says in the next turn. */
const saidNext: (() => void)[] = []

/** Takes all, a turn later. */
function begin(_id: string, listener: EnvelopeListener): BackendTransaction {
  return {
    committing: false,
    mail: () => undefined,
    rcpt: (index) => saidNext.push(() => listener.recipientReplied(index, accepted)),
    deliver: (_order, _text, parcels) => {
      saidNext.push(() => {
        const result = { reply: taken, own: nothing, ms: 3 }
        parcels.parcelDelivered(0, result)
        parcels.delivered([result])
      })
    },
    abandon: () => undefined,
  }
}

const backend: Backend = { extensions: () => nothing, begin, mayHold: () => true }
const ledger = {
  openOf: () => [],
  recall: () => [],
  crowded: () => undefined,
  save: () => ({ saved: true }),
  overrides: () => [],
} as unknown as Ledger
const clock = { now: () => Date.now() }
let sessions = 0
const connect = connectionOptions(
  {
    config,
    backend,
    policies: { policiesFor: (asked) => asked.map(() => ({ kind: 'found', policy })) },
    ledger,
    judges: [
      {
        judge: headersJudge({ field: 'X-Spam-Score', believes: inRanges(['127.0.0.0/8']) }),
        onFailure: 'accept',
      },
    ],
    bounces: {} as Bounces,
    voucher: {
      vouchFor: async () => await Promise.resolve({ kind: 'unvouched', why: 'nobody was asked' }),
    },
    certificates: undefined,
    budget: new SpoolBudget({
      totalMemoryBytes: 1e9,
      totalDiskBytes: 1e9,
      memoryBytes: 1e6,
      directory: tmpdir(),
      onLimit: () => undefined,
      ...clock,
    }),
    directory: new PeerDirectory({
      classes: config.peers,
      trusted: [],
      overrides: () => [],
      ...clock,
    }),
    onFact: () => undefined,
    ...clock,
    newId: () => `session${sessions++}`,
    onEnd: () => undefined,
  },
  { tls: 'off' },
)

/** As much of a socket as a connection uses. */
class NoSocket extends EventEmitter {
  readonly writable = true
  readonly writableNeedDrain = false
  readonly writableLength = 0
  said = false
  setNoDelay(): void {}
  pause(): void {}
  resume(): void {}
  isPaused = (): boolean => false
  write(): boolean {
    this.said = true
    return true
  }
  end(): void {
    this.destroy()
  }
  destroy(): void {
    setImmediate(() => this.emit('close'))
  }
}

const header = [
  'Received: from client.test',
  'From: <sender@client.test>',
  'To: <user@example.org>',
  'Date: Sat, 1 Jan 2028 00:00:00 +0000',
  'Message-Id: <1234.5678@client.test>',
]
const line = `${'X'.repeat(78)}\r\n`
const body = line.repeat((octets - header.join('\r\n').length) / line.length)
const message = [
  'MAIL FROM:<sender@client.test>\r\n',
  'RCPT TO:<user@example.org>\r\n',
  'DATA\r\n',
  `${header.join('\r\n')}\r\n\r\n${body}.\r\n`,
]
const hello = 'EHLO client.test\r\n'
const course = mode === 'fresh' ? [hello, ...message, 'QUIT\r\n'] : message

interface Client {
  socket: NoSocket
  step: number
}

function open(): NoSocket {
  const socket = new NoSocket()
  const served = connect({ address: '127.0.0.1', port: 1025 }, { takes: () => undefined })
  const ownEnd = { address: '127.0.0.1', port: 2525 }
  new Connection(socket as unknown as Socket, { ...served, ownEnd }).greet()
  return socket
}

const clients = Array.from({ length: connections }, (): Client => ({ socket: open(), step: 0 }))

/** A read makes a new buffer each time. */
function say({ socket }: Client, text: string): void {
  socket.said = false
  socket.emit('data', Buffer.from(text, 'latin1'))
}

/** Until so many messages more were answered. */
async function answer(count: number): Promise<void> {
  for (let answered = 0; answered < count;) {
    for (const reply of saidNext.splice(0)) reply()
    for (const client of clients.filter(({ socket }) => socket.said)) {
      if (client.step === course.length) {
        answered++
        client.step = 0
        if (mode === 'fresh') client.socket = open()
      }
      if (client.socket.said) say(client, course[client.step++] ?? '')
    }
    await nextTurn()
  }
}

await nextTurn()
if (mode !== 'fresh') for (const client of clients) say(client, hello)
await nextTurn()
await answer(Number(messages))
const micros: number[] = []
for (let round = 0; round < Number(rounds); round++) {
  const before = process.cpuUsage()
  await answer(Number(messages))
  micros.push(process.cpuUsage(before).user / Number(messages))
}
console.log(`${mode}: ${median(micros).toFixed(1)} us of user time a message`)
process.exit()
