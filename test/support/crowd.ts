/**
 * Many clients at once, each made of as little as can be: those that only stay, and those that send
 * a text in drops.
 */
import { connect, type Socket } from 'node:net'
import { connect as connectWithTls } from 'node:tls'

/** Ports of one loopback address are not enough for very many. */
const perAddress = 5000
const atOnce = 100
const patienceMs = 60_000

type Opening = (to: {
  readonly port: number
  readonly host: string
  readonly localAddress: string
}) => Socket

/** To a listener that begins with the handshake. */
export const withTls: Opening = (to) => connectWithTls({ ...to, rejectUnauthorized: false })

interface Member {
  readonly socket: Socket
  /** The end of what came and was not looked at. */
  heard: string
  wake: () => void
  gone: boolean
}

export class Crowd implements AsyncDisposable {
  readonly #members: Member[] = []
  #dripping: NodeJS.Timeout | undefined

  /**
   * Sessions that have said EHLO and `commands`, each of which has to be answered 2yz or 3yz.
   * Rejects when one is not.
   */
  static async gather(
    port: number,
    size: number,
    commands: readonly string[] = [],
    open: Opening = connect,
  ): Promise<Crowd> {
    const crowd = new Crowd()
    try {
      for (let first = 0; first < size; first += atOnce) {
        const several = Array.from({ length: Math.min(atOnce, size - first) }, (_, i) => first + i)
        const enter = async (number: number): Promise<void> =>
          await crowd.#enter(open({ port, ...from(number) }), commands)
        await Promise.all(several.map(enter))
      }
      return crowd
    } catch (error) {
      await crowd[Symbol.asyncDispose]()
      throw error
    }
  }

  /** Sessions with a text under way, of which a line comes every `everyMs`. */
  static async dripping(port: number, size: number, everyMs: number): Promise<Crowd> {
    const crowd = await Crowd.gather(port, size, [
      'MAIL FROM:<slow@crowd.test>',
      'RCPT TO:<slow@example.org>',
      'DATA',
    ])
    crowd.#write('Subject: in drops\r\n\r\n')
    crowd.#dripping = setInterval(() => crowd.#write('a drop\r\n'), everyMs)
    return crowd
  }

  async #enter(socket: Socket, commands: readonly string[]): Promise<void> {
    const member: Member = { socket, heard: '', wake: () => undefined, gone: false }
    this.#members.push(member)
    socket.on('data', (data) => {
      member.heard += data.toString('latin1')
      member.wake()
    })
    socket.on('error', () => undefined)
    socket.on('close', () => {
      member.gone = true
      member.wake()
    })
    await answer(member, '2')
    for (const command of ['EHLO crowd.test', ...commands])
      await say(member, command, command === 'DATA' ? '3' : '2')
  }

  #write(text: string): void {
    for (const { socket, gone } of this.#members) if (!gone) socket.write(text)
  }

  /** Says it in each session; in how many the answer begins so. */
  async ask(command: string, begins: string): Promise<number> {
    const asked = await Promise.allSettled(
      this.#members.map(async (member) => await say(member, command, begins)),
    )
    return asked.filter(({ status }) => status === 'fulfilled').length
  }

  /** Ends the texts; how many were taken. */
  async finish(): Promise<number> {
    clearInterval(this.#dripping)
    return await this.ask('the last drop\r\n.', '250')
  }

  /** Sessions that are still there. */
  get size(): number {
    return this.#members.filter(({ gone }) => !gone).length
  }

  async [Symbol.asyncDispose](): Promise<void> {
    clearInterval(this.#dripping)
    const open = this.#members.filter(({ gone }) => !gone)
    await Promise.all(
      open.map(
        async ({ socket }) =>
          await new Promise<void>((resolve) => {
            socket.once('close', () => resolve())
            socket.destroy()
          }),
      ),
    )
  }
}

const from = (number: number): { readonly host: string; readonly localAddress: string } => ({
  host: '127.0.0.1',
  localAddress: `127.0.0.${2 + Math.floor(number / perAddress)}`,
})

async function say(member: Member, command: string, begins: string): Promise<void> {
  member.heard = ''
  member.socket.write(`${command}\r\n`)
  await answer(member, begins)
}

/** Waits for the last line of a reply. */
async function answer(member: Member, begins: string): Promise<void> {
  let timer: NodeJS.Timeout | undefined
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(
      () => reject(new Error(`no answer; heard ${JSON.stringify(member.heard)}`)),
      patienceMs,
    )
  })
  try {
    while (!/^[0-9]{3} .*\r\n/m.test(member.heard)) {
      if (member.gone)
        throw new Error(`the session was ended; heard ${JSON.stringify(member.heard)}`)
      await Promise.race([late, new Promise<void>((resolve) => (member.wake = resolve))])
    }
  } finally {
    clearTimeout(timer)
  }
  const line = /^[0-9]{3} .*/m.exec(member.heard)?.[0] ?? ''
  if (!line.startsWith(begins)) throw new Error(`expected ${begins}, heard ${line}`)
}
