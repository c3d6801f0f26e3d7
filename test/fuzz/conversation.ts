/**
 * Octets of a client to the whole session machine, through the same intake as on a socket, and what
 * is said to them.
 */
import { OctetRouter } from '../../src/listen/octet-router.ts'
import type { Effect } from '../../src/session/effects.ts'
import { takesCommands } from '../../src/session/session.ts'
import type { Judgement } from '../../src/verdict/judgement.ts'
import type { TextFault } from '../../src/smtp/text-receiver.ts'
import type { Machine } from '../support/machine.ts'
import { holds } from './fuzzer.ts'

/** What a reply is owed for, in order. */
export type Owed =
  | { readonly kind: 'greeting' }
  | { readonly kind: 'line'; readonly text: string }
  /** `message` tells texts apart. */
  | {
      readonly kind: 'text'
      readonly message: string
      readonly fault: TextFault | undefined
      readonly dropped: boolean
    }

/** A reply that was said, and for what; of a PRDR block all of it. */
export interface Said {
  readonly owed: Owed
  readonly lines: readonly string[]
}

/** The last line of each reply. */
export const repliesIn = (lines: readonly string[]): string[] =>
  lines.filter((line) => line[3] !== '-')

const limits = {
  bareNewlines: 'reject',
  maxBytes: 5000,
  maxLineBytes: 500,
  maxHeaderBytes: 2000,
} as const

export class Conversation {
  readonly machine: Machine
  readonly said: Said[] = []
  readonly #intake: OctetRouter
  readonly #judge: (message: string) => Judgement
  readonly #owed: Owed[] = [{ kind: 'greeting' }]
  /** Lines of a reply that is not whole yet. */
  #lines: string[] = []
  #text: Buffer[] = []
  #seen = 0
  #read = false
  /**
   * Recipients that got 2yz at RCPT in the transaction whose text comes or was answered last, with
   * their lines.
   */
  accepted: string[] = []

  constructor(machine: Machine, judge: (message: string) => Judgement) {
    this.machine = machine
    this.#judge = judge
    this.#intake = new OctetRouter(
      { text: limits, commandLineBytes: 600 },
      {
        take: (octets) => void this.#text.push(Buffer.from(octets)),
        turnEnded: () => undefined,
        textEnded: (_, fault) => this.#textEnded(fault),
        droppedTextEnded: () => {
          this.#owed.push({ kind: 'text', message: '', fault: undefined, dropped: true })
          this.#hear(machine.tell({ kind: 'refusedTextEnded' }))
        },
        chunkTaken: (bytes) => this.#hear(machine.tell({ kind: 'chunkTaken', bytes })),
      },
    )
    machine.reads(this.#intake)
    this.#hear(machine.connect())
  }

  get takesText(): boolean {
    return this.#intake.takesOctets
  }

  /** Octets that come in one read. */
  push(octets: Buffer): void {
    if (this.machine.closed) return
    this.#intake.push(octets)
    this.#pump()
  }

  #pump(): void {
    const { machine } = this
    this.#intake.readAhead()
    while (!machine.closed && !this.#intake.takesOctets && takesCommands(machine.session)) {
      const line = this.#intake.nextLine()
      if (line === undefined) {
        if (!this.#read) break
        this.#read = false
        this.#hear(machine.tell({ kind: 'batchEnded' }))
        continue
      }
      this.#read = true
      this.#owed.push({ kind: 'line', text: line.kind === 'line' ? line.text : '' })
      if (line.kind === 'line') this.#hear(machine.tell({ kind: 'line', text: line.text }))
      else this.#hear(machine.tell({ kind: line.kind === 'tooLong' ? 'lineTooLong' : 'strayByte' }))
      this.#intake.readAhead()
    }
  }

  #textEnded(fault: TextFault | undefined): void {
    const message = Buffer.concat(this.#text).toString('latin1')
    this.#text = []
    // Of BDAT the last chunk's own reply is the one for the text.
    const before = this.#owed[0]
    const text: Owed = { kind: 'text', message, fault, dropped: false }
    if (before?.kind === 'line' && /^BDAT/i.test(before.text)) this.#owed[0] = text
    else this.#owed.push(text)
    this.#hear(
      this.machine.text({
        message,
        judgement: this.#judge(message),
        ...(fault !== undefined && { fault }),
      }),
    )
  }

  /** Reply lines that have left; then what the machine wants to be done. */
  #hear(lines: readonly string[]): void {
    for (const line of lines) {
      this.#lines.push(line)
      if (line[3] === '-') continue
      const owed = this.#owed[0]
      holds(owed !== undefined, 'nothing is said that nobody has asked for', {
        line,
        said: this.said,
      })
      const block = owed.kind === 'text' && this.#lines[0]?.startsWith('353') === true
      if (block && repliesIn(this.#lines).length < this.accepted.length + 2) continue
      this.#owed.shift()
      this.#note(owed)
    }
    const effects = this.machine.effects.slice(this.#seen)
    this.#seen = this.machine.effects.length
    for (const effect of effects) this.#do(effect)
  }

  #note(owed: Owed): void {
    const said = { owed, lines: this.#lines }
    this.#lines = []
    this.said.push(said)
    const positive = said.lines[0]?.startsWith('2') === true
    if (owed.kind !== 'line' || !positive) return
    if (/^MAIL FROM:/i.test(owed.text)) this.accepted = []
    if (/^RCPT TO:/i.test(owed.text)) this.accepted.push(owed.text)
  }

  #do(effect: Effect): void {
    switch (effect.do) {
      case 'receiveText':
        this.#text = []
        return this.#intake.beginText()
      case 'dropText':
        // The line that was seen to be text is answered with it.
        this.#owed.pop()
        return this.#intake.dropText()
      case 'receiveChunk':
        if (effect.first) this.#text = []
        return this.#intake.beginChunk(effect)
      case 'abandon':
        return this.#intake.abandon()
      case 'secure':
        this.#intake.forget()
        return this.#hear(this.machine.tell({ kind: 'secured', protocol: 'TLSv1.3', cipher: 'x' }))
      default:
    }
  }

  /** What was never answered. */
  get unanswered(): readonly Owed[] {
    return this.#owed
  }
}
