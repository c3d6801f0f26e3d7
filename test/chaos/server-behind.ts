/**
 * The mail server behind Rcptwise, as a process of its own that can be killed at any moment. What
 * it takes is on its disk (fsync) before it says 250. It speaks SMTP, with PRDR where asked for, or
 * LMTP. Mailboxes are full as a file says, which is read anew each time.
 *
 * Settings come as JSON in RCPTWISE_CHAOS_BEHIND. It tells its parent, if there is one, what it is
 * doing, so that a kill can be aimed.
 */
import { closeSync, fsyncSync, openSync, readFileSync, writeSync } from 'node:fs'
import { createServer, type Socket } from 'node:net'
import { setTimeout as sleep } from 'node:timers/promises'
import type { BehindEntry } from './journal.ts'
import { accepts, type Boxes, people } from './people.ts'
import { Random } from '../support/random.ts'

export interface BehindSettings {
  readonly port: number
  readonly record: string
  readonly boxes: string
  readonly speaks: 'SMTP' | 'SMTP with PRDR' | 'LMTP'
  /** Refuses spam after the text, as each recipient wants it: it is the judge. */
  readonly judges: boolean
  readonly seed: number
}

export type BehindStep = 'at the dot' | 'taken' | 'said'

const settings = JSON.parse(process.env['RCPTWISE_CHAOS_BEHIND'] ?? '{}') as BehindSettings
const random = new Random(settings.seed, `behind ${process.pid}`)
const disk = openSync(settings.record, 'a')
// A line that a kill has cut off ends here.
writeSync(disk, '\n')
let count = 0

function note(entry: BehindEntry): void {
  writeSync(disk, `${JSON.stringify(entry)}\n`)
  if (entry.what === 'taken') fsyncSync(disk)
}

const tell = (step: BehindStep): void => {
  process.send?.(step)
}

const boxes = (): Boxes => JSON.parse(readFileSync(settings.boxes, 'utf8')) as Boxes

interface Taking {
  readonly code: number
  readonly reply: string
  readonly why?: 'full' | 'spam'
}

class Conversation {
  readonly #socket: Socket
  #buffer = ''
  #ended = false
  #wake: () => void = () => undefined
  #recipients: string[] = []
  #prdr = false

  constructor(socket: Socket) {
    this.#socket = socket
    socket.setNoDelay(true)
    const over = (): void => {
      this.#ended = true
      this.#wake()
    }
    socket.on('data', (data: Buffer) => {
      this.#buffer += data.toString('latin1')
      this.#wake()
    })
    socket.on('end', over).on('close', over).on('error', over)
  }

  async #until(end: string): Promise<string | undefined> {
    for (;;) {
      const at = this.#buffer.indexOf(end)
      if (at !== -1) {
        const found = this.#buffer.slice(0, at)
        this.#buffer = this.#buffer.slice(at + end.length)
        return found
      }
      if (this.#ended) return undefined
      await new Promise<void>((resolve) => {
        this.#wake = resolve
      })
    }
  }

  async #say(...lines: readonly string[]): Promise<boolean> {
    if (this.#socket.destroyed) return false
    return await new Promise((resolve) => {
      this.#socket.write(lines.map((line) => `${line}\r\n`).join(''), (error) => resolve(!error))
    })
  }

  async talk(): Promise<void> {
    await this.#say('220 behind.test ESMTP')
    for (;;) {
      const line = await this.#until('\r\n')
      if (line === undefined) break
      const verb = line.slice(0, 4).toUpperCase()
      if (random.chance(0.05)) await sleep(random.between(1, 40))
      if (verb === 'QUIT') {
        await this.#say('221 2.0.0 bye')
        break
      }
      await this.#obey(verb, line)
    }
    this.#socket.end()
  }

  async #obey(verb: string, line: string): Promise<void> {
    switch (verb) {
      case 'EHLO':
      case 'LHLO': {
        const prdr = settings.speaks === 'SMTP with PRDR' ? ['250-PRDR'] : []
        await this.#say(
          '250-behind.test',
          '250-PIPELINING',
          '250-SIZE 50000000',
          '250-8BITMIME',
          ...prdr,
          '250 ENHANCEDSTATUSCODES',
        )
        return
      }
      case 'MAIL':
        this.#recipients = []
        this.#prdr = / PRDR\b/i.test(line)
        await this.#say('250 2.1.0 ok')
        return
      case 'RCPT':
        await this.#rcpt(/<(.*?)>/.exec(line)?.[1] ?? '')
        return
      case 'DATA':
        if (this.#recipients.length === 0) await this.#say('554 5.5.1 no valid recipients')
        else if (await this.#say('354 go on')) await this.#text()
        return
      default:
        await this.#say('250 2.0.0 ok')
    }
  }

  async #rcpt(address: string): Promise<void> {
    if (!people.has(address)) {
      note({
        what: 'refused',
        at: Date.now(),
        step: 'RCPT',
        code: 554,
        why: 'relay',
        to: [address],
      })
      await this.#say(`554 5.7.1 <${address}> relay access denied [behind]`)
      return
    }
    const trouble = boxes()[address]
    if (trouble === '4yz at RCPT' || trouble === '5yz at RCPT') {
      const code = trouble === '4yz at RCPT' ? 452 : 552
      note({ what: 'refused', at: Date.now(), step: 'RCPT', code, why: 'full', to: [address] })
      await this.#say(`${code} ${code === 452 ? '4' : '5'}.2.2 <${address}> mailbox full [behind]`)
      return
    }
    this.#recipients.push(address)
    await this.#say('250 2.1.5 ok')
  }

  async #text(): Promise<void> {
    const text = await this.#until('\r\n.\r\n')
    if (text === undefined) return
    const came = Date.now()
    const header = text.slice(0, text.indexOf('\r\n\r\n'))
    const field = (name: string): string =>
      new RegExp(`^${name}: *(\\S+)`, 'im').exec(header)?.[1] ?? ''
    const [letter, score, holdMs] = [
      field('X-Chaos'),
      Number(field('X-Spam-Score')),
      Number(field('X-Hold')),
    ]
    tell('at the dot')
    await sleep(holdMs > 0 ? holdMs : random.chance(0.2) ? random.between(5, 300) : 0)
    const each = settings.speaks === 'LMTP' || (this.#prdr && this.#recipients.length > 1)
    const to = this.#recipients
    this.#recipients = []
    const groups = each ? to.map((one) => [one]) : [to]
    const takings = groups.map((group) => this.#decide(group, score))
    takings.forEach(({ code, why }, i) => {
      if (why !== undefined)
        note({
          what: 'refused',
          at: Date.now(),
          step: 'dot',
          code,
          why,
          letter,
          to: groups[i] ?? [],
        })
    })
    const taken = groups.filter((_, i) => takings[i]?.code === 250).flat()
    const number = `${process.pid}-${count++}`
    if (taken.length > 0) {
      note({ what: 'taken', at: Date.now(), came, number, letter, to: taken })
      tell('taken')
      if (random.chance(0.05)) await sleep(random.between(1, 100))
    }
    const replies = takings.map(({ reply }) => reply)
    const block =
      settings.speaks !== 'LMTP' && each
        ? ['353 content received', ...replies, '250 2.0.0 done']
        : replies
    if (!(await this.#say(...block)) || taken.length === 0) return
    note({ what: 'said', at: Date.now(), number })
    tell('said')
  }

  /** One answer for all of a group. */
  #decide(group: readonly string[], score: number): Taking {
    if (settings.judges && group.some((one) => !accepts(one, score)))
      return { code: 550, reply: '550 5.7.1 spam [behind]', why: 'spam' }
    const troubles = group.map((one) => [one, boxes()[one]] as const)
    const [hard] = troubles.find(([, trouble]) => trouble === '5yz at the dot') ?? []
    if (hard !== undefined)
      return { code: 552, reply: `552 5.2.2 mailbox of ${hard} full [behind]`, why: 'full' }
    const [soft] = troubles.find(([, trouble]) => trouble === '4yz at the dot') ?? []
    if (soft !== undefined)
      return { code: 452, reply: `452 4.2.2 mailbox of ${soft} full [behind]`, why: 'full' }
    return { code: 250, reply: '250 2.0.0 taken [behind]' }
  }
}

const server = createServer({ allowHalfOpen: true }, (socket) => {
  void new Conversation(socket).talk()
})
server.listen(settings.port, '127.0.0.1')
process.on('disconnect', () => process.exit(0))
process.on('SIGTERM', () => {
  closeSync(disk)
  process.exit(0)
})
