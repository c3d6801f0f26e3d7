/**
 * An SMTP server that does what a test wants, on a real socket. Without rules it takes everything;
 * a rule changes what is said at one step: another reply, a late one, one in single octets, none,
 * or the end of the connection. It keeps what it was told, by connection and transaction. Its own
 * reading of the text shares nothing with the product's.
 *
 *     await using backend = await startFakeBackend({ rules: [{ on: 'RCPT', nth: 2, say: '550 5.1.1 no such user' }] })
 */
import { createHash } from 'node:crypto'
import { setTimeout as pause } from 'node:timers/promises'
import { createServer, type Server, type Socket } from 'node:net'
import { createServer as createTlsServer } from 'node:tls'

/**
 * `octets`: in the middle of a text, once `octets` of it have come. `chunk`: behind a BDAT that is
 * not the last one. `dot`: the end of a text, by DATA or BDAT.
 */
export type Step =
  | 'connect'
  | 'EHLO'
  | 'HELO'
  | 'MAIL'
  | 'RCPT'
  | 'DATA'
  | 'octets'
  | 'chunk'
  | 'dot'
  | 'RSET'
  | 'QUIT'
  | 'NOOP'
  | 'other'

export interface Rule {
  readonly on: Step
  /** Only where this is in the command line. */
  readonly having?: string
  /** Only the n-th time that the step is met (on any connection), from 1. */
  readonly nth?: number
  /** Only on the n-th connection, from 1. */
  readonly connection?: number
  /** Reply lines, without CRLF. */
  readonly say?: string | readonly string[]
  /** Octets as they are, in place of a reply. */
  readonly raw?: string
  /** Says nothing. */
  readonly silent?: boolean
  /** One octet a write. */
  readonly slowly?: boolean
  /** What is done waits for this. */
  readonly hold?: Promise<unknown>
  /** For `dot`: the message is taken before the wait, and not when its answer is given. */
  readonly takenFirst?: boolean
  /** Afterwards: FIN or RST. */
  readonly then?: 'close' | 'reset'
  /** For `octets`: how many of the text have come. */
  readonly octets?: number
  /** Called when the step is reached, before `hold`. */
  readonly reached?: () => void
}

export interface FakeTransaction {
  readonly mail: string
  /** Arguments of those RCPTs that were answered 2yz. */
  readonly recipients: readonly string[]
  /** Without stuffed dots and final line. */
  readonly text: Buffer
  /**
   * The text's SHA-256, in hex; where texts are not kept, that of the octets as they came, final
   * line included.
   */
  readonly hash: string
  readonly connection: number
  readonly by: 'DATA' | 'BDAT'
}

export interface FakeConnection {
  readonly number: number
  /** Command lines, in order. */
  readonly lines: string[]
  /** Octets outside of texts as they arrived, one entry a read. */
  readonly reads: string[]
  /** A command came before the one in front of it was answered. */
  pipelined: boolean
  /** Octets of text that came without an end. */
  brokenOff: number
  ended: boolean
  readonly socket: Socket
}

export interface FakeBackendOptions {
  /** EHLO keywords; undefined for EHLO itself refused with 502. */
  readonly offers?: readonly string[] | 'HELO only'
  readonly rules?: readonly Rule[]
  /** Keeps texts; off for very large ones, where the hash is enough. */
  readonly keepTexts?: boolean
  readonly port?: number
  /**
   * One more than so many is turned away, as by the limits of real servers: 421, or nothing at all
   * until there is room.
   */
  readonly limit?: {
    connections: number
    readonly how?: '421' | '451' | '421 at MAIL' | 'queue' | 'close' | undefined
  }
  /** Listens on this Unix socket, in place of a port. */
  readonly socketPath?: string
  /** TLS comes before the greeting (`smtps:`). */
  readonly certificate?: { readonly cert: string; readonly key: string }
}

export interface FakeBackend extends AsyncDisposable {
  readonly port: number
  readonly url: string
  readonly connections: readonly FakeConnection[]
  /** Texts that were answered 2yz, whether or not anybody was there to hear it. */
  readonly delivered: readonly FakeTransaction[]
  /** Texts that came to their end, whatever was answered. */
  readonly texts: readonly FakeTransaction[]
  /** Every command line of every connection. */
  lines(): string[]
  /** Connections that are open now. */
  open(): number
  rule(rule: Rule): void
  /** Ends it at once, like a kill; everything that was told is still known. */
  stop(): Promise<void>
}

const usualOffers = [
  'PIPELINING',
  'SIZE 104857600',
  '8BITMIME',
  'ENHANCEDSTATUSCODES',
  'DSN',
  'SMTPUTF8',
]

export async function startFakeBackend(options: FakeBackendOptions = {}): Promise<FakeBackend> {
  const rules = [...(options.rules ?? [])]
  const connections: FakeConnection[] = []
  const delivered: FakeTransaction[] = []
  const texts: FakeTransaction[] = []
  const met = new Map<Rule, number>()
  const admitted = new Set<FakeConnection>()
  const converse = (socket: Socket): void => {
    const connection: FakeConnection = {
      number: connections.length + 1,
      lines: [],
      reads: [],
      pipelined: false,
      brokenOff: 0,
      ended: false,
      socket,
    }
    connections.push(connection)
    void new Conversation(connection, { options, pick, delivered, texts, admitted })
      .run()
      .catch((error: unknown) => {
        if (!connection.ended) throw error
      })
  }
  const { certificate } = options
  const server: Server =
    certificate === undefined
      ? createServer({ noDelay: true }, converse)
      : createTlsServer({ noDelay: true, ...certificate }, converse)

  function pick(step: Step, line: string, connection: number): Rule | undefined {
    let chosen: Rule | undefined
    for (const rule of rules) {
      if (rule.on !== step || (rule.connection !== undefined && rule.connection !== connection))
        continue
      if (rule.having !== undefined && !line.includes(rule.having)) continue
      const times = (met.get(rule) ?? 0) + 1
      met.set(rule, times)
      if (rule.nth === undefined || rule.nth === times) chosen ??= rule
    }
    return chosen
  }

  await new Promise<void>((resolve, reject) => {
    server.once('error', reject)
    const { port = 0, socketPath } = options
    server.listen(
      socketPath === undefined ? { port, host: '127.0.0.1' } : { path: socketPath },
      resolve,
    )
  })
  const address = server.address()
  const port = typeof address === 'object' && address !== null ? address.port : 0
  const stop = async (): Promise<void> => {
    const closed = new Promise<void>((resolve) => server.close(() => resolve()))
    for (const connection of connections) connection.socket.destroy()
    await closed
  }
  return {
    port,
    url: `${certificate === undefined ? 'smtp' : 'smtps'}://127.0.0.1:${port}`,
    connections,
    delivered,
    texts,
    lines: () => connections.flatMap((connection) => connection.lines),
    open: () => connections.filter((connection) => !connection.ended).length,
    rule: (rule) => rules.unshift(rule),
    stop,
    [Symbol.asyncDispose]: stop,
  }
}

interface Shared {
  readonly options: FakeBackendOptions
  readonly pick: (step: Step, line: string, connection: number) => Rule | undefined
  readonly delivered: FakeTransaction[]
  readonly texts: FakeTransaction[]
  /** Within the limit. */
  readonly admitted: Set<FakeConnection>
}

const isPositive = (code: number): boolean => Math.floor(code / 100) === 2
const endOfText = Buffer.from('\r\n.\r\n')

/** Without stuffed dots and final line. */
function unstuffed(wire: Buffer): Buffer {
  const lines = `\r\n${wire.toString('latin1')}`
  return Buffer.from(lines.slice(0, -3).replaceAll('\r\n.', '\r\n').slice(2), 'latin1')
}

class Conversation {
  readonly #connection: FakeConnection
  readonly #shared: Shared
  #buffer: Buffer = Buffer.alloc(0)
  #inText = false
  #turnsAway = false
  #wake: () => void = () => undefined
  #mail = ''
  #recipients: string[] = []
  #chunks: Buffer[] = []

  constructor(connection: FakeConnection, shared: Shared) {
    this.#connection = connection
    this.#shared = shared
    const { socket } = connection
    socket.on('data', (data: Buffer) => {
      if (!this.#inText) connection.reads.push(data.toString('latin1'))
      this.#buffer = this.#buffer.length === 0 ? data : Buffer.concat([this.#buffer, data])
      this.#wake()
    })
    socket.on('error', () => socket.destroy())
    socket.on('close', () => {
      connection.ended = true
      shared.admitted.delete(connection)
      this.#wake()
    })
  }

  async run(): Promise<void> {
    const { limit } = this.#shared.options
    const full = (): boolean =>
      limit !== undefined && this.#shared.admitted.size >= limit.connections
    while (limit?.how === 'queue' && full() && !this.#connection.socket.destroyed) await pause(10)
    if (full()) {
      if (limit?.how === 'close') return void this.#connection.socket.end()
      if (limit?.how === '421 at MAIL') this.#turnsAway = true
      else
        return void this.#connection.socket.end(
          `${limit?.how ?? '421'} 4.7.0 too many connections\r\n`,
        )
    }
    if (!this.#turnsAway) this.#shared.admitted.add(this.#connection)
    await this.#answer('connect', '', '220 backend.test ESMTP')
    for (let line = await this.#line(); line !== undefined; line = await this.#line()) {
      this.#connection.lines.push(line)
      if (this.#buffer.length > 0 && !line.startsWith('BDAT')) this.#connection.pipelined = true
      await this.#command(line)
      if (this.#connection.ended) return
    }
  }

  async #more(): Promise<void> {
    await new Promise<void>((resolve) => {
      this.#wake = resolve
    })
  }

  async #line(): Promise<string | undefined> {
    for (;;) {
      const end = this.#buffer.indexOf('\r\n')
      if (end !== -1) {
        const line = this.#buffer.toString('latin1', 0, end)
        this.#buffer = this.#buffer.subarray(end + 2)
        return line
      }
      if (this.#connection.ended) return undefined
      await this.#more()
    }
  }

  async #command(line: string): Promise<void> {
    const verb = /^[A-Za-z]+/.exec(line)?.[0].toUpperCase() ?? ''
    switch (verb) {
      case 'EHLO':
        await this.#answer('EHLO', line, this.#ehloReply())
        break
      case 'HELO':
        await this.#answer('HELO', line, '250 backend.test')
        break
      case 'MAIL': {
        if (this.#turnsAway) {
          this.#connection.socket.end('421 4.3.2 too many connections\r\n')
          this.#connection.ended = true
          return
        }
        const usual = this.#mail === '' ? '250 2.1.0 Ok' : '503 5.5.1 nested MAIL'
        if (isPositive(await this.#answer('MAIL', line, usual)))
          this.#mail = line.slice('MAIL FROM:'.length)
        break
      }
      case 'RCPT': {
        const usual = this.#mail === '' ? '503 5.5.1 need MAIL' : '250 2.1.5 Ok'
        if (isPositive(await this.#answer('RCPT', line, usual)))
          this.#recipients.push(line.slice('RCPT TO:'.length))
        break
      }
      case 'DATA': {
        const usual = this.#recipients.length === 0 ? '554 5.5.1 no valid recipients' : '354 go on'
        if (Math.floor((await this.#answer('DATA', line, usual)) / 100) === 3) await this.#text()
        break
      }
      case 'BDAT':
        await this.#chunk(line)
        break
      case 'RSET':
        this.#reset()
        await this.#answer('RSET', line, '250 2.0.0 Ok')
        break
      case 'NOOP':
        await this.#answer('NOOP', line, '250 2.0.0 Ok')
        break
      case 'QUIT':
        await this.#answer('QUIT', line, '221 2.0.0 Bye')
        this.#connection.socket.end()
        break
      default:
        await this.#answer('other', line, '500 5.5.2 what?')
    }
  }

  #ehloReply(): string | string[] {
    const { offers = usualOffers } = this.#shared.options
    if (offers === 'HELO only') return '502 5.5.1 not implemented'
    return ['250-backend.test', ...offers.map((offer) => `250-${offer}`), '250 HELP']
  }

  #reset(): void {
    this.#mail = ''
    this.#recipients = []
    this.#chunks = []
  }

  /** RFC 3030 2: octets are counted, and read to their end whatever is said to them. */
  async #chunk(line: string): Promise<void> {
    const [, digits = '0', last] = /^BDAT ([0-9]+)( LAST)?$/i.exec(line) ?? []
    const size = Number(digits)
    this.#inText = true
    while (this.#buffer.length < size && !this.#connection.ended) await this.#more()
    this.#inText = false
    if (this.#buffer.length < size) {
      this.#connection.brokenOff += this.#chunks.reduce(
        (sum, { length }) => sum + length,
        this.#buffer.length,
      )
      return
    }
    this.#chunks.push(this.#buffer.subarray(0, size))
    this.#buffer = this.#buffer.subarray(size)
    if (this.#buffer.length > 0) this.#connection.pipelined = true
    if (this.#recipients.length === 0) await this.#answer('chunk', line, '503 5.5.1 need RCPT')
    else if (last === undefined) {
      const code = await this.#answer('chunk', line, '250 2.0.0 chunk taken')
      if (!isPositive(code)) this.#reset()
    } else {
      const text = Buffer.concat(this.#chunks)
      this.#chunks = []
      await this.#took({ text, hash: createHash('sha256').update(text).digest('hex'), by: 'BDAT' })
    }
  }

  async #text(): Promise<void> {
    this.#inText = true
    const chunks: Buffer[] = []
    const hash = createHash('sha256')
    const keep = (chunk: Buffer): void => {
      if (this.#shared.options.keepTexts === false) hash.update(chunk)
      else chunks.push(chunk)
    }
    let came = 0
    let tail = Buffer.from('\r\n') // the CRLF that ended DATA
    const middle = this.#shared.pick('octets', this.#mail, this.#connection.number)
    let awaitsMiddle = middle !== undefined
    for (;;) {
      if (awaitsMiddle && came + this.#buffer.length >= (middle?.octets ?? 0)) {
        awaitsMiddle = false
        if (middle?.hold !== undefined) this.#connection.socket.pause()
        await this.#perform(middle, [])
        this.#connection.socket.resume()
      }
      const before = tail.length
      const look = Buffer.concat([tail, this.#buffer])
      const end = look.indexOf(endOfText)
      if (end !== -1) {
        const stop = end + endOfText.length - before
        keep(this.#buffer.subarray(0, stop))
        this.#buffer = this.#buffer.subarray(stop)
        break
      }
      keep(this.#buffer)
      came += this.#buffer.length
      tail = Buffer.from(look.subarray(-4))
      this.#buffer = Buffer.alloc(0)
      if (this.#connection.ended) {
        this.#connection.brokenOff += came
        return
      }
      await this.#more()
    }
    this.#inText = false
    if (this.#shared.options.keepTexts === false)
      await this.#took({ text: Buffer.alloc(0), hash: hash.digest('hex'), by: 'DATA' })
    else {
      const text = unstuffed(Buffer.concat(chunks))
      await this.#took({ text, hash: createHash('sha256').update(text).digest('hex'), by: 'DATA' })
    }
  }

  async #took(came: Pick<FakeTransaction, 'text' | 'hash' | 'by'>): Promise<void> {
    const transaction: FakeTransaction = {
      ...came,
      mail: this.#mail,
      recipients: this.#recipients,
      connection: this.#connection.number,
    }
    this.#shared.texts.push(transaction)
    await this.#answer('dot', this.#mail, `250 2.0.0 Ok: queued as ${came.hash.slice(0, 10)}`, () =>
      this.#shared.delivered.push(transaction),
    )
    this.#reset()
  }

  /** Says what a rule wants, or the usual; the code that was said, 0 for none. */
  async #answer(
    step: Step,
    line: string,
    usual: string | readonly string[],
    positive: () => void = () => undefined,
  ): Promise<number> {
    const rule = this.#shared.pick(step, line, this.#connection.number)
    const lines = [rule?.say ?? usual].flat()
    const code = rule?.silent === true ? 0 : Number((rule?.raw ?? lines.at(-1) ?? '').slice(0, 3))
    await this.#perform(
      rule,
      rule?.silent === true ? [] : lines,
      isPositive(code) ? positive : undefined,
    )
    return code
  }

  async #perform(
    rule: Rule | undefined,
    lines: readonly string[],
    before?: () => void,
  ): Promise<void> {
    const { socket } = this.#connection
    if (rule?.takenFirst === true) before?.()
    rule?.reached?.()
    await rule?.hold
    if (rule?.takenFirst !== true) before?.()
    const own = rule?.on === 'octets' ? [rule.say ?? []].flat() : lines
    const bytes = rule?.raw ?? own.map((line) => `${line}\r\n`).join('')
    if (!socket.destroyed && bytes !== '') {
      if (rule?.slowly === true) {
        for (const octet of bytes) {
          socket.write(octet, 'latin1')
          await new Promise((resolve) => setImmediate(resolve))
        }
      } else socket.write(bytes, 'latin1')
    }
    if (rule?.then === 'close') socket.end()
    if (rule?.then === 'reset') socket.resetAndDestroy()
    if (rule?.then !== undefined) this.#connection.ended = true
  }
}
