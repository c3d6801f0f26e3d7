/**
 * Where octets leave, over real sockets: whatever a client puts into addresses and names, and
 * whatever a server behind says, the client hears one reply a command, and the server is told the
 * commands that the client gave, whole.
 */
import fc from 'fast-check'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { createLog } from '../../src/log/log.ts'
import { logFromFacts } from '../../src/log/from-facts.ts'
import { octetsOf } from '../../src/smtp/octets.ts'
import type { TestApp } from '../support/app.ts'
import { Client } from '../support/dialogue.ts'
import { type FakeBackend, type Rule, startFakeBackend } from '../support/fake-backend.ts'
import { start } from '../support/session.ts'
import { runs } from '../support/properties.ts'

/** Some whose low byte is CR, LF or NUL, some that end a line for some reader, and any other. */
const character = fc.oneof(
  fc.constantFrom(
    '不',
    '上',
    'Ċ',
    'č',
    'Ā',
    '\u0a0d',
    'à',
    '\x85',
    '\u2028',
    '\u2029',
    '\xa0',
    '\u212a',
    'e\u0301',
    '💩',
  ),
  fc.string({ unit: 'binary', minLength: 1, maxLength: 1 }),
  fc.constantFrom(...Array.from('ab.-_+=!%"\\@<>[]:;, \t')),
)
const hostile = fc
  .array(character, { minLength: 1, maxLength: 8 })
  // A line's end ends the session, which another test has (commands.test.ts).
  .map((parts) => parts.join('').replaceAll(/[\r\n\0]/g, '\x0b'))

const command = fc
  .tuple(
    fc.constantFrom(
      'EHLO §',
      'HELO §.test',
      'MAIL FROM:<§@client.test> SMTPUTF8',
      'MAIL FROM:<s@§.test> SMTPUTF8',
      'MAIL FROM:<s@client.test> SMTPUTF8 ENVID=§',
      'RCPT TO:<§@example.org>',
      'RCPT TO:<r@§.test>',
      'RCPT TO:<r@§>',
      'RCPT TO:<r@example.org> ORCPT=rfc822;§',
      'RCPT TO:§',
      'VRFY §',
      'NOOP §',
      'AUTH §',
      'XCLIENT HELO=§',
      '§',
      'RSET',
    ),
    hostile,
  )
  .map(([form, text]) => octetsOf(form.replace('§', () => text)))

/** What a server may say behind its code: anything but the LF that ends its line. */
const words = fc
  .array(
    fc.oneof(
      fc.constantFrom(
        '\r',
        '\0',
        '\x1b[2J',
        '\x85',
        '\x9b',
        ' 250 2.0.0 Ok',
        octetsOf('不上\u2028'),
      ),
      fc.constant('no'),
    ),
    {
      maxLength: 6,
    },
  )
  .map((parts) => parts.join(''))
const code = fc.constantFrom('250', '250', '250', '251', '354', '450', '550')

interface Dialogue {
  readonly commands: readonly string[]
  readonly says: readonly string[]
}
const dialogue: fc.Arbitrary<Dialogue> = fc.record({
  commands: fc.array(command, { minLength: 1, maxLength: 12 }),
  says: fc.array(
    fc.tuple(code, words).map(([number, text]) => `${number} 2.1.0 ${text}`),
    { minLength: 1, maxLength: 4 },
  ),
})

/** Says at each time what `next` gives. */
const saying = (on: Rule['on'], next: () => string): Rule => ({
  on,
  get raw() {
    return next()
  },
})

/**
 * Is every word of what the server was told one of the client's? Blanks may be others, and a source
 * route is left out.
 */
const isOf = (line: string, commands: readonly string[]): boolean =>
  commands.some((command) =>
    line.split(/[ :]/).every((word) => command.includes(word.replace(/^<|>$/g, ''))),
  )

const introduced = `{ client_address: xclient, servers:`
const unknown = `{ servers:`

describe.each([
  ['a server that is told nothing', unknown, 'relay_domains: [example.org, "*.test"]'],
  ['a server that is told the client', introduced, ''],
])(
  'rule 9: nor can any octet from outside end a reply, a header field, a log line or a report (%s)',
  (_name, backendKeys, relay) => {
    let backend: FakeBackend
    let app: TestApp
    let says: readonly string[] = []
    let turn = 0
    const next = (): string => `${says[turn++ % says.length] ?? '250 2.1.0 Ok'}\r\n`
    beforeAll(async () => {
      backend = await startFakeBackend({
        offers: ['PIPELINING', 'SMTPUTF8', 'DSN', 'XCLIENT NAME ADDR PORT PROTO HELO'],
        rules: [
          { on: 'RCPT', having: 'example.net', say: '554 5.7.1 no' }, // no relay for strangers
          { on: 'other', having: 'XCLIENT', say: '220 backend.test' },
          saying('MAIL', next),
          saying('RCPT', next),
        ],
      })
      const limits = 'limits: { errors_per_session: 1000, errors_per_minute: off }'
      app = await start({
        config: `backend: ${backendKeys} ["${backend.url}"] }\n${relay}\n${limits}\n`,
      })
    })
    afterAll(async () => {
      await app[Symbol.asyncDispose]()
      await backend[Symbol.asyncDispose]()
    })

    async function speak({ commands, says: wanted }: Dialogue): Promise<string[][]> {
      ;[says, turn] = [wanted, 0]
      const client = await Client.connect(app.port)
      const heard = [await client.reply()]
      for (const line of ['EHLO client.test', ...commands, 'QUIT']) {
        client.send(`${line}\r\n`)
        heard.push(await client.reply())
      }
      expect(await client.line()).toBeUndefined()
      client.close()
      return heard
    }

    test('the number of replies is the number of commands, and each is one: rules.md: “No octet from outside can end a reply, a header field, a log line or a report.”', async () => {
      await fc.assert(
        fc.asyncProperty(dialogue, async (drawn) => {
          const heard = await speak(drawn)
          expect(heard).toHaveLength(drawn.commands.length + 3)
          for (const lines of heard) {
            for (const line of lines)
              expect(line).toMatch(/^[2-5][0-9][0-9][ -][\t\x20-\x7e\x80-\xff]*$/)
          }
          expect(heard.at(-1)?.[0]).toMatch(/^221 /)
        }),
        { numRuns: runs(150) },
      )
    })

    test('rules.md: “Your server gets addresses as the octets in which they came.”', async () => {
      await fc.assert(
        fc.asyncProperty(dialogue, async (drawn) => {
          const before = backend.lines().length
          await speak(drawn)
          for (const line of backend.lines().slice(before)) {
            expect(line).toMatch(/^[\x20-\x7e\x80-\xff]+$/)
            if (/^(?:MAIL|RCPT) /.test(line)) expect(isOf(line, drawn.commands), line).toBe(true)
            else expect(line).toMatch(/^(?:EHLO|HELO|XCLIENT) .+$|^(?:RSET|QUIT|NOOP)$/)
          }
          expect(backend.connections.flatMap(({ reads }) => reads).join('')).toMatch(
            /^(?:[\x20-\x7e\x80-\xff]+\r\n)*$/,
          )
        }),
        { numRuns: runs(100) },
      )
    })

    test('each event is one line of the log, and nothing in it moves a cursor', async () => {
      await fc.assert(
        fc.asyncProperty(dialogue, async (drawn) => {
          await speak(drawn)
        }),
        { numRuns: runs(20) },
      )
      const lines: string[] = []
      const log = createLog({ level: 'debug', format: 'json', write: (line) => lines.push(line) })
      const tell = logFromFacts(log)
      for (const fact of app.facts) {
        const before = lines.length
        tell(fact)
        for (const line of lines.slice(before)) {
          expect(line).toMatch(/^[^\0-\x1f\x7f-\x9f\u2028\u2029]*\n$/)
          expect(JSON.parse(line)).toBeTypeOf('object')
        }
      }
      expect(lines.length).toBeGreaterThan(0)
    })
  },
)
