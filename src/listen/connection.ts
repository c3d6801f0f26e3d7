/**
 * The shell around one session: octets in, events to the machine, effects done, replies out in one write per turn. Owns the socket, its
 * one timer and the transaction under way, and ends all three.
 */
import type { Socket } from 'node:net'
import type { FactListener } from '../facts.ts'
import type { MessageIdentity } from '../ledger/fingerprint.ts'
import type { Ledger } from '../ledger/ledger.ts'
import type { Effect, Event } from '../session/effects.ts'
import { allAnswered, takeReady } from '../session/reply-slots.ts'
import { awaits, newSession, type Session, type SessionStart, takesCommands } from '../session/session.ts'
import { step } from '../session/step.ts'
import { LineSplitter } from '../smtp/line-splitter.ts'
import type { ClientAttributes } from '../smtp/xclient.ts'
import { TextReceiver, type TextReceiverOptions } from '../smtp/text-receiver.ts'
import { TextPace } from './text-pace.ts'
import { type RunnerParts, TransactionRunner } from './transaction-runner.ts'
import { type Secured, secure, type TlsServer } from './upgrade.ts'

export interface ConnectionOptions {
  readonly start: Omit<SessionStart, 'at' | 'secured'>
  readonly runner: RunnerParts
  readonly ledger: Ledger
  readonly tls: TlsServer | undefined
  /** Of a connection that began with TLS. */
  readonly secured?: Secured | undefined
  readonly text: Omit<TextReceiverOptions, 'dots'>
  readonly commandLineBytes: number
  /** Octets a second. */
  readonly textMinimumRate: number
  readonly timeouts: { readonly commandMs: number; readonly textMs: number }
  readonly onFact: FactListener
  readonly now: () => number
  /** Called once, when nothing of the connection is left. */
  readonly onEnd: () => void
}

/** How long a client may take to read its last reply and close. */
const lingerMs = 5000
/** Unread octets behind a command that waits: the client has to stop until it was answered. */
const maxUnreadBytes = 64 * 1024

export class Connection {
  readonly session: Session
  readonly #options: ConnectionOptions
  #socket: Socket
  readonly #splitter: LineSplitter
  readonly #events: Event[] = []
  #running = false
  #runner: TransactionRunner | undefined
  #receiver: TextReceiver | undefined
  #chunk: { left: number; readonly bytes: number; readonly last: boolean; readonly discard: boolean } | undefined
  #timer: NodeJS.Timeout | undefined
  #timerMs = 0
  /** Writes to the ledger that have to be done before the client is told more. */
  #saving = 0
  /** What has to wait for them: the end of the session, the handshake. */
  readonly #afterSaving: (() => void)[] = []
  #batchOpen = false
  #greeted = false
  /** The client has closed its side. */
  #inputEnded = false
  #ended = false
  #destroyed = false
  #gone = false
  /** The spool or the backend can't take more of the text for now. */
  #holdsText = false
  readonly #pace: TextPace

  constructor(socket: Socket, options: ConnectionOptions) {
    this.#options = options
    this.#socket = socket
    this.#splitter = new LineSplitter(options.commandLineBytes)
    this.#pace = new TextPace(options.textMinimumRate, options.timeouts.textMs)
    this.session = newSession({ ...options.start, at: options.now(), secured: options.secured !== undefined })
    this.#listen(socket)
  }

  #listen(socket: Socket): void {
    socket.setNoDelay(true)
    socket.on('data', this.#onData)
    socket.on('drain', this.#onDrain)
    socket.on('error', this.#onLost)
    socket.on('close', this.#onLost)
    // A client may close its side after QUIT, or after the text (protocol.md: Exim): it is still owed its replies.
    socket.on('end', this.#onHalfClosed)
  }

  /** Says the greeting; what came before it makes an early talker. */
  greet(): void {
    this.#greeted = true
    this.#send({ kind: 'connected', at: this.#options.now(), earlyTalker: this.#splitter.pendingBytes > 0 })
  }

  shutdown(): void {
    this.#send({ kind: 'shutdown', at: this.#options.now() })
  }

  /** Ends it now, politely or not. */
  destroy(): void {
    this.#destroyed = true
    this.#socket.destroy()
    if (this.#ended) this.#letGo()
  }

  readonly #onData = (data: Buffer): void => {
    if (this.session.state.at === 'closed') return
    // A command has to be whole in time, so octets do not prolong its time; a text has a pace besides.
    if (awaits(this.session) === 'text') {
      this.#timer?.refresh()
      if (!this.#pace.took(data.length, performance.now()))
        return this.#send({ kind: 'timedOut', at: this.#options.now(), slow: true })
    }
    this.#take(data)
    this.session.unread = this.#splitter.pendingBytes > 0
    this.#pump()
  }

  readonly #onHalfClosed = (): void => {
    this.#inputEnded = true
    this.#pump()
  }

  readonly #onLost = (): void => {
    if (this.#ended) return
    this.#ended = true
    clearTimeout(this.#timer)
    this.#socket.destroy()
    // What the backend is asked already goes on without the client, where it can be written down for the next attempt (RFC 1047).
    const asked = this.session.state.at === 'answering' && !this.#destroyed
    const identity = asked ? this.#runner?.identify() : undefined
    if (identity instanceof Promise) void identity.then((found) => this.#lost(found))
    else this.#lost(identity)
  }

  #lost(identity: MessageIdentity | undefined): void {
    const at = this.#options.now()
    this.#send(identity === undefined ? { kind: 'clientLost', at } : { kind: 'clientLost', at, identity })
    if (this.session.state.at === 'closed') this.#letGo()
  }

  /** Nothing is left of it. */
  #letGo(): void {
    if (this.#gone) return
    this.#gone = true
    this.#runner?.abandon()
    this.#options.onEnd()
  }

  readonly #onDrain = (): void => {
    if (!this.#holdsText) this.#socket.resume()
    this.#pump()
  }

  /** Octets to whoever they are for: text, a chunk, or command lines. */
  #take(data: Buffer): void {
    if (this.#chunk !== undefined) return this.#takeChunk(data)
    // Between chunks a text is under way too, but the octets are commands.
    if (this.#receiver === undefined || this.session.state.at === 'chunks') return this.#splitter.push(data)
    const rest = this.#receiver.push(data)
    if (rest === undefined) return this.#runner?.lookEarly()
    if (rest.length > 0) this.#splitter.push(rest)
    this.#endText(this.#receiver)
  }

  #takeChunk(data: Buffer): void {
    const chunk = this.#chunk
    if (chunk === undefined) return
    const mine = data.subarray(0, chunk.left)
    chunk.left -= mine.length
    if (!chunk.discard) this.#receiver?.push(mine)
    if (chunk.left > 0) return
    this.#chunk = undefined
    if (data.length > mine.length) this.#splitter.push(data.subarray(mine.length))
    if (!chunk.discard && chunk.last && this.#receiver !== undefined) {
      this.#receiver.finish()
      this.#endText(this.#receiver)
    } else if (!chunk.discard) {
      this.#runner?.lookEarly()
      this.#send({ kind: 'chunkTaken', at: this.#options.now(), bytes: chunk.bytes })
    }
  }

  #endText(receiver: TextReceiver): void {
    this.#receiver = undefined
    if (this.session.state.at === 'refusedText')
      return this.#send({ kind: 'refusedTextEnded', at: this.#options.now() })
    this.#runner?.endText(receiver.sizeBytes, receiver.fault)
  }

  /** Reads commands as far as the machine takes them. */
  #pump(): void {
    if (this.#running || !this.#greeted) return
    const { session } = this
    // A BDAT that was held has become a chunk outside of this loop; its octets may be here already.
    if (this.#inChunk()) this.#takeChunk(this.#splitter.takeRest())
    while (!this.#inChunk() && takesCommands(session) && !this.#socket.writableNeedDrain) {
      const line = this.#splitter.next()
      const at = this.#options.now()
      if (line === undefined) {
        if (!this.#batchOpen) break
        this.#batchOpen = false
        this.#send({ kind: 'batchEnded', at })
        break
      }
      this.#batchOpen = true
      this.#timer?.refresh()
      if (line.kind === 'line')
        this.#handle({ kind: 'line', at, text: line.text, more: this.#splitter.pendingBytes > 0 })
      else this.#handle({ kind: line.kind === 'tooLong' ? 'lineTooLong' : 'strayByte', at })
      if (this.#inChunk()) this.#takeChunk(this.#splitter.takeRest())
      // Behind DATA nothing is at hand, but a text that was not wanted is known by its first line only.
      else if (this.session.state.at === 'refusedText') this.#take(this.#splitter.takeRest())
    }
    this.#flush()
    this.#setTimer()
    if (this.#splitter.pendingBytes > maxUnreadBytes || this.#socket.writableNeedDrain) this.#socket.pause()
    else if (this.#socket.isPaused() && !this.#holdsText) this.#socket.resume()
    if (this.#inputEnded && this.#owesNothing()) this.#send({ kind: 'clientLost', at: this.#options.now() })
  }

  /** Every command that came was answered, and none can come any more. */
  #owesNothing(): boolean {
    const { state, held, slots } = this.session
    return state.at !== 'closed' && state.at !== 'answering' && held === undefined && allAnswered(slots)
  }

  #inChunk(): boolean {
    return this.#chunk !== undefined
  }

  /** Tells the machine what happened, from outside of a turn. */
  #send(event: Event): void {
    if (this.#running) {
      this.#events.push(event)
      return
    }
    this.#handle(event)
    this.#pump()
  }

  #handle(event: Event): void {
    this.#running = true
    for (let next: Event | undefined = event; next !== undefined; next = this.#events.shift()) {
      step(this.session, next)
      const { effects } = this.session
      this.session.effects = []
      for (const effect of effects) this.#do(effect)
    }
    this.#running = false
  }

  #do(effect: Effect): void {
    switch (effect.do) {
      case 'begin':
        this.#runner = new TransactionRunner(this.#options.runner, this.#clientAttributes(), (event) =>
          this.#send(event),
        )
        this.#runner.onDrain = () => this.#textDrained()
        return this.#runner.begin(effect)
      case 'offer':
        return this.#runner?.offer(effect)
      case 'abandon':
        this.#runner?.abandon()
        this.#runner = undefined
        this.#receiver = undefined
        this.#holdsText = false
        return
      case 'receiveText':
        this.#pace.begin(performance.now())
        this.#runner?.startText(effect.fingerprint, effect.streamable)
        this.#receiver = this.#newReceiver(true)
        return
      case 'dropText':
        this.#pace.begin(performance.now())
        this.#receiver = new TextReceiver({ ...this.#options.text, dots: true }, () => undefined)
        return
      case 'receiveChunk':
        this.#pace.begin(performance.now())
        if (effect.first) {
          this.#runner?.startText(effect.fingerprint, false)
          this.#receiver = this.#newReceiver(false)
        }
        this.#chunk = { left: effect.bytes, bytes: effect.bytes, last: effect.last, discard: effect.discard }
        return
      case 'deliver':
        return this.#deliver(effect)
      case 'save':
        return this.#save(effect)
      case 'secure':
        return this.#secure()
      case 'close':
        return this.#close()
      case 'note':
        return this.#options.onFact(effect.fact)
    }
  }

  /** The client, as the backend may be told of it. */
  #clientAttributes(): ClientAttributes {
    const { client, helo, state } = this.session
    const { localAddress, localPort } = this.#socket
    return {
      address: client.address,
      port: client.port,
      helo,
      protocol: 'hello' in state && state.hello.verb === 'HELO' ? 'SMTP' : 'ESMTP',
      ...(client.rdns === undefined ? {} : { name: client.rdns }),
      ...(localAddress === undefined ? {} : { destinationAddress: localAddress.replace(/^::ffff:/i, '') }),
      ...(localPort === undefined ? {} : { destinationPort: localPort }),
    }
  }

  #newReceiver(dots: boolean): TextReceiver {
    return new TextReceiver({ ...this.#options.text, dots }, (octets) => {
      if (this.#runner?.text(octets) !== false) return
      this.#holdsText = true
      this.#pace.hold(performance.now())
      this.#socket.pause()
    })
  }

  #textDrained(): void {
    this.#holdsText = false
    this.#pace.goOn(performance.now())
    this.#socket.resume()
    this.#pump()
  }

  /** Not before the ledger knows of it: some will have the message before the client hears of it. */
  #deliver(effect: Extract<Effect, { do: 'deliver' }>): void {
    if (this.#saving > 0) this.#afterSaving.push(() => this.#runner?.deliver(effect))
    else this.#runner?.deliver(effect)
  }

  #save(effect: Extract<Effect, { do: 'save' }>): void {
    const saved = this.#options.ledger.save(effect.split)
    if (!(saved instanceof Promise)) return
    this.#saving++
    void saved.finally(() => {
      this.#saving--
      if (this.#saving > 0) return
      this.#flush()
      for (const act of this.#afterSaving.splice(0)) act()
    })
  }

  /** Everything that can be said leaves in one write. */
  #flush(): void {
    if (this.#saving > 0 || this.#ended) return
    const text = takeReady(this.session.slots)
    if (text !== '' && this.#socket.writable) this.#socket.write(text, 'latin1')
  }

  #setTimer(): void {
    if (this.session.state.at === 'closed') return // the time to linger is running
    const waitsFor = awaits(this.session)
    const { commandMs, textMs } = this.#options.timeouts
    // While it is made to wait, it is not the client that is slow.
    const waitsForText = waitsFor === 'text' && !this.#holdsText
    const doesNotRead = waitsFor === 'answer' && this.session.state.at === 'envelope' && this.#socket.writableNeedDrain
    const ms = waitsFor === 'command' || doesNotRead ? commandMs : waitsForText ? textMs : 0
    if (ms === this.#timerMs) return
    clearTimeout(this.#timer)
    this.#timerMs = ms
    this.#timer = ms === 0 ? undefined : setTimeout(() => this.#send({ kind: 'timedOut', at: this.#options.now() }), ms)
  }

  #secure(): void {
    if (this.#saving > 0) {
      this.#afterSaving.push(() => this.#secure())
      return
    }
    const { tls } = this.#options
    this.#flush()
    // What was received in clear behind STARTTLS is thrown away (CVE-2011-0411).
    this.#splitter.takeRest()
    if (tls === undefined) return this.destroy()
    this.#socket.removeAllListeners()
    const { onFact, now } = this.#options
    const { id, client } = this.session
    const upgraded = secure(this.#socket, tls, {
      secured: (secured) => this.#send({ kind: 'secured', at: now(), ...secured }),
      failed: (failure) => {
        onFact({ kind: 'tlsFailed', at: now(), address: client.address, session: id, ...failure })
        this.#send({ kind: 'securingFailed', at: now() })
      },
    })
    this.#socket = upgraded
    this.#listen(upgraded)
  }

  /** The last words are said; the client may read them before the connection goes. */
  #close(): void {
    if (this.#saving > 0) {
      this.#afterSaving.push(() => this.#close())
      return
    }
    if (this.#ended) return this.#letGo()
    this.#flush()
    this.#socket.end()
    clearTimeout(this.#timer)
    this.#timerMs = -1
    this.#timer = setTimeout(() => this.#socket.destroy(), lingerMs)
  }
}
