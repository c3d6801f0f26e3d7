import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { isPong, mostSymbols, readAnswer, request } from '../../../src/judge/spamd/wire.ts'

const read = (text: string) => readAnswer(Buffer.from(text, 'latin1'))
const ok = 'SPAMD/1.1 0 EX_OK\r\n'

describe('what spamd is asked', () => {
  it.each([
    [undefined, ''],
    ['ann@example.org', 'User: ann@example.org\r\n'],
    ['a b', ''],
    ['a\r\nUser: b', ''],
    ['', ''],
    ['x'.repeat(201), ''],
  ])('as the user %j', (user, line) => {
    expect(request(47, user)).toBe(`SYMBOLS SPAMC/1.5\r\nContent-length: 47\r\n${line}\r\n`)
  })
})

describe('what spamd says', () => {
  it.each<[string, unknown]>([
    [
      `${ok}Content-length: 10\r\nSpam: True ; 8.0 / 5.0\r\n\r\nT_SUBJ,T_X`,
      { score: 8, symbols: ['T_SUBJ', 'T_X'] },
    ],
    [`${ok}Content-length: 0\r\nSpam: False ; -1.5 / 5.0\r\n\r\n`, { score: -1.5, symbols: [] }],
    [`${ok}Spam: False ; 0.0 / 5.0\r\n\r\n`, { score: 0, symbols: [] }],
    [
      `${ok}Content-length: 10\r\nSpam: True ; 8.0 / 5.0\r\n\r\nT_SUBJ`,
      { failed: 'its answer is cut off' },
    ],
    [`${ok}Content-length: 10\r\nSpam: True ; 8.0`, { failed: 'its answer has no score' }],
    [`${ok}\r\nSpam: True ; 8.0 / 5.0`, { failed: 'its answer has no score' }],
    ['SPAMD/1.0 76 Bad header line: (x)\r\n', { failed: 'it says: 76 Bad header line: (x)' }],
    ['SPAMD/1.0 75 \x1b[31mlater\r\n', { failed: 'it says: 75 ?[31mlater' }],
    ['HTTP/1.1 400 Bad Request\r\n\r\n', { failed: 'it answers, but not as spamd does' }],
    ['', { failed: 'it answers, but not as spamd does' }],
  ])('%j', (text, expected) => expect(read(text)).toEqual(expected))

  it('at most so many symbols', () => {
    const names = Array.from({ length: 500 }, (_, i) => `S${i}`).join(',')
    expect(read(`${ok}Spam: True ; 8.0 / 5.0\r\n\r\n${names}`)).toMatchObject({
      symbols: { length: mostSymbols },
    })
  })

  it('property: any octets are an answer or a failure, whose words stay on their line', () => {
    const octets = fc.oneof(
      fc.uint8Array({ maxLength: 300 }),
      fc
        .uint8Array({ maxLength: 100 })
        .map((junk) => Buffer.concat([Buffer.from(`${ok}Spam: True ; 8.0 / 5.0\r\n\r\n`), junk])),
    )
    fc.assert(
      fc.property(octets, (answer) => {
        const said = readAnswer(Buffer.from(answer))
        for (const words of 'failed' in said ? [said.failed] : said.symbols)
          expect(words).not.toMatch(/[\r\n\0]/)
      }),
    )
  })

  it.each([
    ['SPAMD/1.5 0 PONG\r\n', true],
    ['SPAMD/1.5 76 Bad header\r\n', false],
    ['PONG\n', false],
    ['pong\r\n', false],
  ])('a PONG: %j', (text, expected) => expect(isPong(Buffer.from(text))).toBe(expected))
})
