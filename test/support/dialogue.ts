/**
 * Plays a dialogue against a real socket. Lines that begin with `C: ` are sent, those in a row in
 * one write (pipelined); lines that begin with `S: ` are expected, `*` stands for anything. `C:
 * <text>` up to `C: .` is sent as it stands. `S: <end>` expects the server to close. Blank lines
 * and lines that begin with `#` are comments.
 */
import { connect, type Socket } from 'node:net'
import { expect } from 'vitest'

/** ms. Less than a test has. */
const patience = 30_000

export class Client {
  readonly socket: Socket
  #buffer = ''
  #ended = false
  #wake: () => void = () => undefined

  /** How long it waits for a reply. */
  readonly #patienceMs: number

  constructor(socket: Socket, patienceMs = patience) {
    this.socket = socket
    this.#patienceMs = patienceMs
    socket.on('data', (data: Buffer) => {
      this.#buffer += data.toString('latin1')
      this.#wake()
    })
    const ended = (): void => {
      this.#ended = true
      this.#wake()
    }
    socket.on('end', ended).on('close', ended).on('error', ended)
  }

  /** `from`: our own address. */
  static async connect(port: number, host = '127.0.0.1', from?: string): Promise<Client> {
    const socket = connect({
      port,
      host,
      allowHalfOpen: true,
      ...(from === undefined ? {} : { localAddress: from }),
    })
    await new Promise<void>((resolve, reject) => {
      socket.once('connect', resolve)
      socket.once('error', reject)
    })
    return new Client(socket)
  }

  send(text: string): void {
    this.socket.write(text, 'latin1')
  }

  async #more(): Promise<void> {
    let timer: NodeJS.Timeout | undefined
    await new Promise<void>((resolve, reject) => {
      this.#wake = resolve
      timer = setTimeout(
        () =>
          reject(
            new Error(`the server said nothing more; unread: ${JSON.stringify(this.#buffer)}`),
          ),
        this.#patienceMs,
      )
    }).finally(() => clearTimeout(timer))
  }

  /** The next line, without CRLF; undefined when the server has closed. */
  async line(): Promise<string | undefined> {
    for (;;) {
      const end = this.#buffer.indexOf('\r\n')
      if (end !== -1) {
        const line = this.#buffer.slice(0, end)
        this.#buffer = this.#buffer.slice(end + 2)
        return line
      }
      if (this.#ended) return undefined
      await this.#more()
    }
  }

  /** All lines of the next reply. */
  async reply(): Promise<string[]> {
    const lines: string[] = []
    for (;;) {
      const line = await this.line()
      if (line === undefined) return lines
      lines.push(line)
      if (line[3] !== '-') return lines
    }
  }

  async ask(command: string): Promise<string> {
    this.send(`${command}\r\n`)
    return (await this.reply()).join('\n')
  }

  close(): void {
    this.socket.destroy()
  }
}

/** Plays it over one connection, from the greeting on, and closes. */
export async function play(port: number, script: string): Promise<void> {
  const client = await Client.connect(port)
  try {
    await playOn(client, script)
  } finally {
    client.close()
  }
}

export async function playOn(client: Client, script: string): Promise<void> {
  let sending = ''
  for (const raw of script.split('\n')) {
    const line = raw.replace(/^ +/, '')
    if (line.trim() === '' || line.startsWith('#')) continue
    if (line.startsWith('C:')) {
      sending += `${line.slice(3)}\r\n`
      continue
    }
    if (sending !== '') client.send(sending)
    sending = ''
    const wanted = line.slice(3).trimEnd()
    const got = await client.line()
    if (wanted === '<end>') expect(got).toBeUndefined()
    else
      expect(matches(got ?? '<end>', wanted), `expected "${wanted}", got "${got ?? '<end>'}"`).toBe(
        true,
      )
  }
  if (sending !== '') client.send(sending)
}

function matches(got: string, wanted: string): boolean {
  const pattern = wanted.split('*').map((part) => part.replace(/[.*+?^${}()|[\]\\]/g, '\\$&'))
  return new RegExp(`^${pattern.join('.*')}$`).test(got)
}
