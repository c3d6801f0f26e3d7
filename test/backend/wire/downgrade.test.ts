/**
 * Somebody between us and the server who can change what is sent, and wants the mail in clear:
 * takes STARTTLS away, refuses it, answers before he is asked, goes on in clear behind 220. With
 * `tls: require` he hears no more than that we are there.
 */
import { createServer, type Socket } from 'node:net'
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { backendTls, readBackendTls } from '../../../src/backend/wire/secure.ts'
import { openSmtp } from '../../../src/backend/wire/open-smtp.ts'
import { startTestApp } from '../../support/app.ts'
import { Client } from '../../support/dialogue.ts'

/**
 * What he says to a command line; undefined for what any server in clear would say, so that a
 * message would get through.
 */
type Attack = (line: string) => string | undefined

interface Attacker extends AsyncDisposable {
  readonly port: number
  /** Whatever came in clear, line by line. */
  readonly lines: string[]
}

const hello = '250-backend.test\r\n250-STARTTLS\r\n250-AUTH PLAIN\r\n250 PIPELINING\r\n'
const inClear = (line: string): string => {
  if (line.startsWith('DATA')) return '354 go on\r\n'
  return /^(?:EHLO|LHLO)/.test(line) ? hello : '250 2.0.0 Ok\r\n'
}

const usualGreeting = '220 backend.test ESMTP\r\n'

async function startAttacker(attack: Attack, greeting = usualGreeting): Promise<Attacker> {
  const lines: string[] = []
  const sockets = new Set<Socket>()
  const server = createServer((socket) => {
    sockets.add(socket)
    socket.on('error', () => socket.destroy()).on('close', () => sockets.delete(socket))
    socket.write(greeting)
    let unread = ''
    socket.on('data', (data: Buffer) => {
      unread += data.toString('latin1')
      for (let end = unread.indexOf('\r\n'); end !== -1; end = unread.indexOf('\r\n')) {
        const line = unread.slice(0, end)
        unread = unread.slice(end + 2)
        lines.push(line)
        socket.write(attack(line) ?? inClear(line))
      }
      // A handshake: he has no key for it.
      if (unread.startsWith('\x16')) socket.write(inClear(''))
    })
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const address = server.address()
  return {
    port: typeof address === 'object' && address !== null ? address.port : 0,
    lines,
    async [Symbol.asyncDispose]() {
      const closed = new Promise<void>((resolve) => server.close(() => resolve()))
      for (const socket of sockets) socket.destroy()
      await closed
    },
  }
}

const atEhlo =
  (reply: string): Attack =>
  (line) =>
    line.startsWith('EHLO') ? reply : undefined
const atStartTls =
  (reply: string): Attack =>
  (line) =>
    line === 'STARTTLS' ? reply : undefined

const attacks: readonly (readonly [string, Attack, string])[] = (
  [
    [
      'STARTTLS is taken out of EHLO',
      atEhlo('250-backend.test\r\n250-AUTH PLAIN\r\n250 PIPELINING\r\n'),
    ],
    [
      'STARTTLS is made another word',
      atEhlo('250-backend.test\r\n250-XXXXXXXA\r\n250 PIPELINING\r\n'),
    ],
    ['EHLO is refused', (line) => (line.startsWith('EHLO') ? '502 5.5.1 no\r\n' : undefined)],
    ...[
      '454 4.7.0 not now',
      '421 4.7.0 bye',
      '500 what?',
      '502 5.5.1 no',
      '503 5.5.1 no',
      '554 5.7.3 no',
      '250 2.0.0 Ok',
      '334 go',
    ].map((reply) => [`STARTTLS is answered ${reply}`, atStartTls(`${reply}\r\n`)] as const),
    ['he says 220 and goes on in clear', atStartTls('220 2.0.0 go on\r\n')],
    ['he says 220 and what EHLO would be told', atStartTls(`220 2.0.0 go on\r\n${hello}`)],
    ['he says 220 and half of it', atStartTls(`220 2.0.0 go on\r\n${hello.slice(0, 30)}`)],
    ['he answers STARTTLS before it is said', atEhlo(`${hello}220 2.0.0 go on\r\n`)],
    [
      'he answers EHLO and STARTTLS with the greeting',
      () => undefined,
      `220 backend.test\r\n${hello}220 go on\r\n`,
    ],
  ] as readonly (readonly [string, Attack, string?])[]
).map(([name, attack, greeting = usualGreeting]) => [name, attack, greeting] as const)

const harmless = /^(?:(?:EHLO|HELO) mx\.\S*|STARTTLS|QUIT)$/
/** The handshake itself, as far as it has line ends in it, is no command. */
const printable = (line: string): boolean => /^[\x20-\x7e]+$/.test(line)
const commands = ({ lines }: Attacker): string[] => lines.filter(printable)

const config = (port: number, tls: string): string =>
  [
    'hostname: mx.test',
    'relay_domains: [example.org]',
    'listen: [{ address: "127.0.0.1:0", auth: pass_in_clear }]',
    `backend: { servers: ["smtp://127.0.0.1:${port}"], mail: at_once, tls: ${tls}, health: { eject_for: 100ms } }`,
  ].join('\n')

/** A message, and a password: the answers to MAIL and AUTH. */
async function tryAll(port: number): Promise<{ readonly mail: string; readonly auth: string }> {
  const client = await Client.connect(port)
  try {
    await client.reply()
    await client.ask('EHLO client.test')
    const auth = await client.ask('AUTH PLAIN AHVzZXIAcGFzcw==')
    return { auth, mail: await client.ask('MAIL FROM:<secret@example.net>') }
  } finally {
    client.close()
  }
}

describe('require: the server is never spoken to in clear, but for EHLO and STARTTLS', () => {
  test.each(attacks)('%s', async (_name, attack, greeting) => {
    await using attacker = await startAttacker(attack, greeting)
    await using app = await startTestApp({ config: config(attacker.port, 'require') })
    const { mail, auth } = await tryAll(app.port)
    expect(mail).toMatch(/^451 4\.4\.1 /)
    expect(auth).toMatch(/^(?:454|50[0-9]) /)
    expect(commands(attacker).filter((line) => !harmless.test(line))).toEqual([])
    expect(app.app.ready().ready).toBe(false)
  })

  test('whatever he answers, in whatever pieces', async () => {
    const reply = fc.constantFrom(
      '220 go on\r\n',
      '250 Ok\r\n',
      hello,
      '250-half\r\n',
      '454 4.7.0 no\r\n',
      '502 no\r\n',
      '\r\n',
      'x',
      '250 STARTTLS\r\n',
    )
    const settings = { mode: 'require', fingerprints: [] } as const
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.array(reply, { maxLength: 3 }), { maxLength: 4 }),
        async (script) => {
          const said = script.map((pieces) => pieces.join(''))
          await using attacker = await startAttacker(() => said.shift() ?? '250 Ok\r\n')
          const opened = await openSmtp({
            host: '127.0.0.1',
            port: attacker.port,
            helo: 'mx.test',
            tls: backendTls(readBackendTls(settings)),
            connectTimeoutMs: 300,
            replyTimeoutMs: 300,
          }).catch(() => undefined)
          expect(opened).toBeUndefined()
          expect(commands(attacker).filter((line) => !harmless.test(line))).toEqual([])
        },
      ),
      { numRuns: 25 },
    )
  })
})

describe('opportunistic keeps off who only listens: who can change what is sent gets the mail in clear', () => {
  test.each(attacks.filter(([name]) => !/before it is said|with the greeting/.test(name)))(
    '%s',
    async (name, attack) => {
      await using attacker = await startAttacker(attack)
      await using app = await startTestApp({ config: config(attacker.port, 'opportunistic') })
      expect((await tryAll(app.port)).mail).toMatch(/^250 /)
      const told = app.facts.some(
        (fact) =>
          fact.kind === 'backendFailed' && fact.step === 'tls' && /in clear$/.test(fact.why),
      )
      // What was not offered was not tried: nobody can tell it from a server without TLS.
      expect(told).toBe(/is answered|220/.test(name))
    },
  )
})
