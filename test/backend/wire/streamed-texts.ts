/**
 * A text on its whole way from a client to a server that hears it while it comes: receiver, spool,
 * fields in front, connection. What the server reads is held against what the client sent, whatever
 * the two of them do meanwhile. A seed decides everything.
 */
import { tmpdir } from 'node:os'
import { Duplex } from 'node:stream'
import type { Socket } from 'node:net'
import { SmtpConnection } from '../../../src/backend/wire/connection.ts'
import { sendText, type TextHeard } from '../../../src/backend/wire/send-text.ts'
import { Spool } from '../../../src/listen/spool.ts'
import { SpoolBudget } from '../../../src/listen/spool-budget.ts'
import { onTop, type Revision } from '../../../src/message/edits.ts'
import { revised } from '../../../src/message/revised-text.ts'
import type { TextSource } from '../../../src/message/text-source.ts'
import { TextReceiver } from '../../../src/smtp/text-receiver.ts'
import { holds } from '../../fuzz/fuzzer.ts'
import { cutAnywhere, octetsOf } from '../../fuzz/octets.ts'
import type { Random } from '../../support/random.ts'

const turn = async (): Promise<void> => await new Promise((resolve) => setImmediate(resolve))

/** A server at the other end, who reads when it likes. */
class Server extends Duplex {
  readonly #read: Buffer[] = []
  readonly #slow: () => number
  localAddress = '192.0.2.1'

  /** `slow`: turns before it has read what is written; Infinity: it never has. */
  constructor(highWaterMark: number, slow: () => number) {
    super({ writableHighWaterMark: highWaterMark, autoDestroy: true })
    this.#slow = slow
  }

  get heard(): string {
    return Buffer.concat(this.#read).toString('latin1')
  }
  setNoDelay(): void {}
  override _read(): void {}
  override _write(chunk: Buffer, encoding: BufferEncoding, done: () => void): void {
    this.#read.push(Buffer.isBuffer(chunk) ? Buffer.from(chunk) : Buffer.from(chunk, encoding))
    const turns = this.#slow()
    if (turns === 0) done()
    else if (turns !== Infinity) void later(turns).then(done)
  }
  says(octets: string): void {
    if (!this.destroyed) this.push(octetsOf(octets))
  }
}

async function later(turns: number): Promise<void> {
  for (let left = turns; left > 0; left--) await turn()
}

const lines = [
  ...['', '', '.', '..', '.x', 'x.', 'Subject: x', ' folded', 'From ann', '\xe9', '...', 'QUIT'],
  'x'.repeat(62),
  'y'.repeat(75),
] as const

/** The octets of a message; few of them are long enough to be remembered as without dots. */
function message(random: Random): string {
  const line = (): string => `${random.pick(lines)}\r\n`
  const text = Array.from({ length: random.between(0, 12) }, line).join('')
  if (random.chance(0.7)) return text
  const many = 'An ordinary line of an ordinary text.\r\n'.repeat(random.between(400, 2500))
  return `${text}\r\n${many}${line()}${line()}${random.chance(0.5) ? many : ''}${line()}`
}

function once(act: () => void): () => void {
  let done = false
  return () => {
    if (!done) act()
    done = true
  }
}

const stuffed = (text: string): string => text.replace(/(^|\r\n)\./g, '$1..')

/** What a server has of the octets behind 354: the text, and what stands behind its end. */
function unstuffed(wire: string): { readonly text: string; readonly behind: string } | undefined {
  const end = wire.startsWith('.\r\n') ? 0 : wire.indexOf('\r\n.\r\n') + 2
  if (end === 1) return undefined
  return { text: wire.slice(0, end).replace(/(^|\r\n)\./g, '$1'), behind: wire.slice(end + 3) }
}

const revisions: readonly Revision[] = [
  [],
  [[onTop([{ name: 'X-Spam-Flag', value: ' YES' }])]],
  [[onTop([{ name: 'X-A', value: ' 1' }])], [onTop([{ name: 'X-B', value: ' 2' }])]],
]

const wholly = (text: string): TextSource => ({
  whole: () => [octetsOf(text)],
  async *chunks() {
    yield await Promise.resolve(octetsOf(text))
  },
})

type Course = 'all well' | 'client gone' | 'closed' | 'early word' | 'server gone' | 'server stuck'

export interface Streamed {
  readonly course: Course
  readonly heard: TextHeard
}

/** One message; throws where something does not hold. */
export async function streamOne(random: Random): Promise<Streamed> {
  const course: Course = random.weighted({
    'all well': 6,
    'client gone': 1,
    closed: 1,
    'early word': 2,
    'server gone': 1,
    'server stuck': 0.3,
  })
  const lineless = random.chance(0.2)
  const sent = lineless ? message(random).replace(/(?:\r\n)+$/, '') : message(random)
  const revision = random.pick(revisions)
  const input = { course, lineless, revision, sent: sent.slice(0, 300), length: sent.length }

  const server = new Server(random.pick([1, 100, 16 * 1024]), () =>
    course === 'server stuck' ? Infinity : random.chance(0.6) ? 0 : random.between(1, 3),
  )
  const replyMs = course === 'server stuck' ? 10 : 20_000
  const connection = new SmtpConnection(
    { host: 'x', port: 1, helo: 'x', replyTimeoutMs: replyMs },
    server as unknown as Socket,
  )
  const totalMemoryBytes = random.pick([1000, 100_000, 10_000_000])
  const budget = new SpoolBudget({
    ...{ totalMemoryBytes, totalDiskBytes: 10_000_000, memoryBytes: 1_000_000 },
    ...{ directory: tmpdir(), onLimit: () => undefined, now: Date.now },
  })
  const memoryBytes = random.pick([0, 500, 20_000, 1_000_000])
  const gone: Buffer[] = []
  let mayGoOn = true
  const goesOn = (): boolean => mayGoOn
  const spool = new Spool(
    { memoryBytes, directory: tmpdir(), budget },
    () => (mayGoOn = true),
    (chunk) => gone.push(chunk),
  )
  const receiver = new TextReceiver(
    {
      ...{ bareNewlines: 'reject', maxBytes: 10_000_000, maxLineBytes: 1000 },
      ...{ maxHeaderBytes: 10_000_000, dots: !lineless },
    },
    (octets, dotted) => {
      mayGoOn = spool.append(octets, dotted)
    },
  )
  const wire = lineless ? sent : `${stuffed(sent)}.\r\n`
  const chunks = cutAnywhere(random, octetsOf(wire)).slice(0, 3000)
  const fedWholly = chunks.reduce((sum, { length }) => sum + length, 0) === wire.length
  const streamsFrom = random.between(0, chunks.length)
  const eventAt = random.between(streamsFrom, chunks.length)
  const answer = random.pick(['250 ok\r\n', '452 full\r\n', '552-too\r\n552 large\r\n'])
  const early = random.pick(['552 no\r\n', '250 ok\r\n', '421 bye\r\n', '45', 'nonsense\r\n'])

  const all: TextHeard[] = []
  const begin = (): void => {
    spool.stream()
    const order = { text: revised(spool, revision), binary: false, replyMs }
    const awaited = { form: 'one', recipients: 1 } as const
    sendText(connection, { ...order, ...awaited }, (heard) => {
      all.push(heard)
      // As an intake does when the server has spoken before the end.
      if (!ended) spool.close()
    })
  }
  const happens = (): void => {
    if (course === 'client gone') spool.fail()
    else if (course === 'closed') spool.close()
    else if (course === 'early word') server.says(early)
    else if (course === 'server gone' && random.chance(0.5)) server.push(null)
    else if (course === 'server gone') server.destroy(new Error('ECONNRESET'))
  }
  let ended = false
  let happened = false
  for (const [at, chunk] of chunks.entries()) {
    if (at === streamsFrom) begin()
    if (at === eventAt) {
      happens()
      happened = true
    }
    receiver.push(chunk)
    for (let turns = 0; !goesOn() && at >= streamsFrom && turns < 500; turns++) await turn()
    if (random.chance(chunks.length > 20 ? 0.05 : 0.5)) await turn()
  }
  if (streamsFrom === chunks.length) begin()
  if (!happened) happens()
  if (lineless) receiver.finish()
  const whole = fedWholly && (lineless || receiver.ended)
  if (!whole) spool.fail()
  else if (course !== 'closed') {
    ended = true
    await spool.complete()
  }
  const isOver = (): boolean => unstuffed(server.heard) !== undefined
  const until = performance.now() + 5000
  const answers = once(() => server.says(answer))
  while (all.length === 0 && performance.now() < until) {
    await turn()
    if (isOver()) answers()
    if (course === 'early word' && early === '45') server.destroy()
  }
  await later(3)

  const [heard] = all
  holds(all.length === 1 && heard !== undefined, 'the answer is told, and once', { ...input, all })
  const { text = '' } = unstuffed(server.heard) ?? {}
  const expected = Buffer.concat(revised(wholly(sent), revision).whole() ?? []).toString('latin1')
  const closed = expected === '' || expected.endsWith('\r\n') ? expected : `${expected}\r\n`
  if (isOver()) {
    holds(whole, 'no dot behind a text that is not whole', input)
    holds(text === closed, 'the server has what the client sent', { ...input, text, closed })
    holds(unstuffed(server.heard)?.behind === '', 'nothing stands behind the dot', input)
  } else {
    holds(course !== 'all well' || !whole, 'a text that is whole has its dot', input)
    holds(stuffed(closed).startsWith(server.heard), 'what came is its beginning', input)
    const yes = typeof heard === 'object' && 'all' in heard && 'code' in heard.all
    holds(!yes || heard.all.code >= 400, 'no yes to what has no end', { ...input, heard })
  }
  if (course === 'all well' && whole) {
    const reply = typeof heard === 'object' && 'all' in heard ? heard.all : undefined
    const code = reply !== undefined && 'code' in reply ? reply.code : 0
    holds(code === Number(answer.slice(0, 3)), 'the answer is what the server said', {
      ...input,
      heard,
    })
  }
  const rest = spool.rest()
  if (whole && rest !== undefined) {
    const kept = Buffer.concat([...gone, ...rest]).toString('latin1')
    holds(kept === sent, 'what was let go and what is kept are the text', input)
  }
  spool.close()
  connection.destroy('over')
  server.destroy()
  holds(budget.memoryBytes === 0, 'no octet is counted any more', { ...input, budget })
  return { course, heard }
}
