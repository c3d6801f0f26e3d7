/**
 * The shell around one session: octets in, events to the machine, effects done, replies out in one
 * write per turn. Owns the socket, its one timer and what comes in, and ends all three.
 * Decides nothing of SMTP (session/step.ts).
 */
import type { Socket } from 'node:net'
import { LazyTimer } from '../loop/lazy-timer.ts'
import type { Effect, Event } from '../session/effects.ts'
import type { OwnAnswers } from '../session/oracle.ts'
import { allAnswered, takeReady } from '../session/reply-slots.ts'
import {
  awaits,
  isWithBackend,
  newSession,
  type Session,
  takesCommands,
} from '../session/session.ts'
import type { MessageIdentity } from '../split/split.ts'
import { step } from '../session/step.ts'
import { writeOctets } from '../smtp/octets.ts'
import type { ClientAttributes } from '../smtp/xclient.ts'
import { atEndOfTurn } from '../loop/end-of-turn.ts'
import { AttributesOfClient } from './client-attributes.ts'
import type { ConnectionOptions } from './connection-options.ts'
import { CommandTimer } from './command-timer.ts'
import { MessageFlow, type MessageFlowListener } from './message-flow.ts'
import type { OctetRouter } from './octet-router.ts'
import { PendingWrites } from './pending-writes.ts'
import { startTls } from './start-tls.ts'

/** How long a client may take to read its last reply and close. */
const lingerMs = 5000
/**
 * A client that says QUIT behind its text and closes its side does so on purpose, and reads on
 * (protocol.md: Exim). Only when it has waited for so long can it have given up.
 */
const patientMs = 1000
/**
 * In this time the host of a client that has closed its socket says so (RST), when something is
 * said to it.
 */
const hearingMs = 2000
/** Unread octets behind a command that waits: the client has to stop until it was answered. */
const maxUnreadBytes = 64 * 1024

/**
 * Replies that wait to leave with those behind them; more leave at once, so that a client that does
 * not read is noticed.
 */
const maxUnsaidBytes = 16 * 1024

/**
 * How far its life has come. `inputEnded`: the client has closed its side; `inputEndTold`: and the
 * machine knows that it may have given up. `destroyed`: we have ended it. `ended`: its socket is no
 * more, and what the backend was asked may go on. `gone`: nothing is left.
 */
type Life = 'open' | 'inputEnded' | 'inputEndTold' | 'destroyed' | 'ended' | 'gone'

export class Connection implements MessageFlowListener, OwnAnswers {
  readonly session: Session
  readonly #options: ConnectionOptions
  #socket: Socket
  readonly #client = new AttributesOfClient()
  readonly #messages: MessageFlow
  readonly #octets: OctetRouter
  readonly #events: Event[] = []
  #running = false
  readonly #commandTimer = new CommandTimer(() =>
    this.tell({ kind: 'timedOut', at: this.#options.now() }),
  )
  /** Have to be done before the client is told more, the session ends, or the handshake begins. */
  readonly #writes = new PendingWrites(() => this.#flush())
  #batchOpen = false
  /** Replies leave at the end of this turn. */
  #flushes = false
  #greeted = false
  #life: Life = 'open'
  /** Of a client that has closed its side on purpose. */
  #patience: LazyTimer | undefined

  constructor(socket: Socket, options: ConnectionOptions) {
    this.#options = options
    this.#socket = socket
    this.#messages = new MessageFlow(options, this)
    this.#octets = this.#messages.octets
    this.session = newSession({
      ...options.start,
      oracle: options.oracle(this),
      at: options.now(),
      secured: options.secured !== undefined,
      ...(options.secured === undefined ? {} : { tls: options.secured }),
    })
    this.#listen(socket)
  }

  #listen(socket: Socket): void {
    socket.setNoDelay(true)
    socket.on('data', this.#onData)
    socket.on('drain', this.#onDrain)
    socket.on('error', this.#onLost)
    socket.on('close', this.#onClosed)
    // A client may close its side after QUIT, or after the text (protocol.md: Exim): it is still
    // owed its replies.
    socket.on('end', this.#onHalfClosed)
  }

  /** Says the greeting; what came before it makes an early talker. */
  greet(): void {
    this.#greeted = true
    this.tell({
      kind: 'connected',
      at: this.#options.now(),
      earlyTalker: this.#octets.unreadBytes > 0,
    })
  }

  unread(): boolean {
    return this.#octets.unreadBytes > 0
  }

  identify(): MessageIdentity | undefined {
    return this.#messages.runner?.identify()
  }

  attributes(): ClientAttributes {
    return this.#client.of(this.session, this.#options.ownEnd)
  }

  hold(): void {
    this.#socket.pause()
  }

  goOn(): void {
    this.#socket.resume()
    this.#pump()
  }

  shutdown(): void {
    // Its last words are said, and the time to hear them runs.
    if (this.session.state.at === 'closed') return
    this.tell({ kind: 'shutdown', at: this.#options.now() })
  }

  /** Ends it now, politely or not. */
  destroy(): void {
    if (!this.#isOver) this.#life = 'destroyed'
    this.#socket.destroy()
    if (this.#isOver) this.#letGo()
  }

  readonly #onData = (data: Buffer): void => {
    if (this.session.state.at === 'closed') return
    // A command has to be whole in time, so octets do not prolong its time; a text has a pace
    // besides.
    if (awaits(this.session) === 'text') {
      this.#commandTimer.refresh()
      if (!this.#messages.keepsPace(data.length))
        return this.tell({ kind: 'timedOut', at: this.#options.now(), slow: true })
    }
    this.#octets.push(data)
    this.#pump()
  }

  readonly #onHalfClosed = (): void => {
    if (this.#life === 'open') this.#life = 'inputEnded'
    if (this.#octets.unreadBytes > 0)
      (this.#patience = new LazyTimer(() => this.#noteEndOfInput())).set(patientMs)
    this.#pump()
  }

  /** Nobody may hear the answer: its next attempt is told what came of this one. */
  #noteEndOfInput(): void {
    const identity = isWithBackend(this.session) ? this.#messages.runner?.identify() : undefined
    if (identity === undefined || this.#life !== 'inputEnded') return
    this.#life = 'inputEndTold'
    this.tell({ kind: 'inputEnded', at: this.#options.now(), identity })
  }

  /**
   * Node keeps the socket until a full collection; without this it would keep the whole session
   * alive (decision 18).
   */
  readonly #onClosed = (): void => {
    this.#onLost()
    this.#socket.removeAllListeners()
  }

  readonly #onLost = (): void => {
    if (this.#isOver) return
    const isOurs = this.#life === 'destroyed'
    this.#life = 'ended'
    this.#commandTimer.end()
    this.#patience?.end()
    this.#socket.destroy()
    // What the backend is asked already goes on without the client, where it can be written down
    // for the next attempt (RFC 1047).
    const { runner } = this.#messages
    const asked = isWithBackend(this.session) && !isOurs && runner?.committing === true
    const identity = asked ? runner.identify() : undefined
    const at = this.#options.now()
    if (isOurs) this.tell({ kind: 'brokenOff', at })
    else
      this.tell(
        identity === undefined ? { kind: 'clientLost', at } : { kind: 'clientLost', at, identity },
      )
    if (this.session.state.at === 'closed') this.#letGo()
  }

  /** Its socket is no more. */
  get #isOver(): boolean {
    return this.#life === 'ended' || this.#life === 'gone'
  }

  /** Nothing is left of it. */
  #letGo(): void {
    if (this.#life === 'gone') return
    this.#life = 'gone'
    this.#messages.end()
    this.#options.auth?.end()
    this.#options.onEnd()
  }

  readonly #onDrain = (): void => {
    if (!this.#messages.held) this.#socket.resume()
    this.#pump()
  }

  /** Reads commands as far as the machine takes them. */
  #pump(): void {
    if (this.#running || !this.#greeted) return
    const { session } = this
    // A BDAT that was held has become a chunk outside of this loop; its octets may be here already.
    this.#octets.readAhead()
    while (!this.#octets.takesOctets && takesCommands(session) && !this.#socket.writableNeedDrain) {
      const line = this.#octets.nextLine()
      if (line === undefined) {
        if (!this.#batchOpen) break
        this.#batchOpen = false
        this.tell({ kind: 'batchEnded', at: this.session.at }) // with the last line of it
        break
      }
      this.#batchOpen = true
      const at = this.#options.now()
      this.#commandTimer.refresh()
      if (this.#goesOn) this.#handle({ kind: 'heard', at })
      if (line.kind === 'line') this.#handle({ kind: 'line', at, text: line.text })
      else this.#handle({ kind: line.kind === 'tooLong' ? 'lineTooLong' : 'strayByte', at })
      if (this.session.slots.ready.length > maxUnsaidBytes) this.#flush()
      this.#octets.readAhead()
    }
    this.#flushLater()
    this.#setTimer()
    if (this.#octets.unreadBytes > maxUnreadBytes || this.#socket.writableNeedDrain)
      this.#socket.pause()
    else if (this.#socket.isPaused() && !this.#messages.held) this.#socket.resume()
    if (this.#life === 'open' || this.#life === 'destroyed') return
    if (this.#octets.unreadBytes === 0) this.#noteEndOfInput()
    if (this.#owesNothing()) this.tell({ kind: 'clientLost', at: this.#options.now() })
  }

  /**
   * A client that has not closed its side has read what was said, or is about to (protocol.md: QUIT
   * behind the text).
   */
  get #goesOn(): boolean {
    return this.session.unheard !== undefined && this.#life === 'open'
  }

  /** Every command that came was answered, and none can come any more. */
  #owesNothing(): boolean {
    const { state, held, slots } = this.session
    return (
      state.at !== 'closed' && state.at !== 'answering' && held === undefined && allAnswered(slots)
    )
  }

  /** Tells the machine what happened, from outside of a turn. */
  tell(event: Event): void {
    if (this.#running) {
      this.#events.push(event)
      return
    }
    this.#handle(event)
    this.#pump()
  }

  #handle(event: Event): void {
    this.#running = true
    for (let next: Event | undefined = event; next !== undefined; next = this.#nextEvent()) {
      step(this.session, next)
      const { effects } = this.session
      if (effects.length === 0) continue
      this.session.effects = []
      for (const effect of effects) this.#do(effect)
    }
    this.#running = false
  }

  /** To shift an empty array costs as much as one that is not. */
  #nextEvent(): Event | undefined {
    return this.#events.length === 0 ? undefined : this.#events.shift()
  }

  #do(effect: Effect): void {
    switch (effect.do) {
      case 'begin':
        return this.#messages.begin(effect)
      case 'offer':
      case 'abandon':
      case 'receiveText':
      case 'dropText':
      case 'receiveChunk':
        return this.#messages.receive(effect)
      case 'deliver':
        return this.#deliver(effect)
      case 'awaitDeliveries':
        return this.#messages.runner?.awaitDeliveries(effect)
      case 'vouch':
        return this.#messages.runner?.vouch(effect)
      case 'prepareBounce':
        return this.#messages.runner?.prepareBounce(effect)
      case 'observe':
        return this.#messages.runner?.observe(effect)
      case 'report':
        return this.#writes.whenDone(() => this.#messages.runner?.report(effect))
      case 'save':
        return this.#writes.add(this.#options.ledger.save(effect.split))
      case 'authenticate':
        return this.#authenticate(effect.line)
      case 'endAuth':
        return this.#options.auth?.end()
      case 'secure':
        return this.#writes.whenDone(() => this.#secure())
      case 'close':
        return this.#writes.whenDone(() => this.#close(effect.asked))
      case 'note':
        return this.#options.onFact(effect.fact)
    }
  }

  #authenticate(line: string): void {
    this.#options.auth?.say(line, this.attributes(), (reply) =>
      this.tell({ kind: 'authReplied', at: this.#options.now(), reply }),
    )
  }

  /**
   * Not before the ledger knows of it: some will have the message before the client hears of it.
   */
  #deliver(effect: Extract<Effect, { do: 'deliver' }>): void {
    if (this.#writes.open) this.#writes.whenDone(() => this.#messages.runner?.deliver(effect))
    else this.#messages.runner?.deliver(effect)
  }

  /** Everything that can be said leaves in one write. */
  #flush(): void {
    if (this.#writes.open || this.#isOver) return
    const text = takeReady(this.session.slots)
    if (text !== '' && this.#socket.writable) writeOctets(this.#socket, text)
  }

  #flushLater(): void {
    if (this.#flushes || this.session.slots.ready === '') return
    this.#flushes = true
    atEndOfTurn(this.#onTurnEnd)
  }

  readonly #onTurnEnd = (): void => {
    this.#flushes = false
    this.#flush()
    if (!this.#socket.writableNeedDrain) return
    this.#socket.pause()
    this.#setTimer()
  }

  #setTimer(): void {
    if (this.session.state.at === 'closed') return // the time to linger is running
    const waitsFor = awaits(this.session)
    const { commandMs, textMs } = this.#options.timeouts
    // While it is made to wait, it is not the client that is slow.
    const waitsForText = waitsFor === 'text' && !this.#messages.held
    const doesNotRead =
      waitsFor === 'answer' &&
      this.session.state.at === 'envelope' &&
      this.#socket.writableNeedDrain
    this.#commandTimer.set(
      waitsFor === 'command' || doesNotRead ? commandMs : waitsForText ? textMs : 0,
    )
  }

  #secure(): void {
    const { tls } = this.#options
    this.#flush()
    // What was received in clear behind STARTTLS is thrown away (CVE-2011-0411).
    this.#octets.forget()
    if (tls === undefined) return this.destroy()
    const { onFact, now } = this.#options
    this.#socket = startTls(this.#socket, tls, this.session, {
      tell: (event) => this.tell(event),
      onFact,
      now,
    })
    this.#listen(this.#socket)
  }

  /**
   * The last words are said; the client may read them before the connection goes. Behind QUIT
   * nothing comes any more, so that the kernel can have the rest: octets that nobody read would
   * make it reset the connection, and the client might miss its 221.
   */
  #close(asked: boolean): void {
    if (this.#isOver) return this.#letGo()
    this.#flush()
    // One that has not left reads its last words, and what was said before them.
    if (this.#goesOn) this.tell({ kind: 'heard', at: this.#options.now() })
    else if (this.session.unheard !== undefined && !this.session.secured)
      return this.#seeWhetherHeard()
    const saidAll = this.#socket.writableLength === 0 && this.#octets.unreadBytes === 0
    if (asked && saidAll && !this.session.secured) return void this.#socket.destroy()
    this.#socket.end()
    this.#commandTimer.last(lingerMs, () => this.#socket.destroy())
  }

  /**
   * Where nobody has the socket any more, its host has said so by then, and that shows when
   * something is written: no octet is needed. Over TLS it does not show, and nobody closes one side
   * alone (protocol.md: Exim): whoever has closed it has not heard what came after.
   */
  #seeWhetherHeard(): void {
    this.#commandTimer.last(hearingMs, () =>
      this.#socket.write('', (error) => {
        if (error instanceof Error) return
        this.tell({ kind: 'heard', at: this.#options.now() })
        this.#socket.destroy()
      }),
    )
  }
}
