import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { gtubeScore, lookBytes } from '../../src/judge/gtube.ts'
import { headersJudge } from '../../src/judge/headers.ts'
import type { Judgement } from '../../src/verdict/judgement.ts'
import { headerLimitBytes } from '../../src/message/header-section.ts'
import { type ScoreField, scoreFields, scoreIn } from '../../src/judge/score-field.ts'
import { cut, cuts, octet } from '../smtp/splits.ts'
import { envelope, onlookerOf } from './envelope.ts'

const scanner = '192.0.2.1'
function judging(field: ScoreField, clientAddress = scanner) {
  const judge = headersJudge({ field, believes: (address) => address === scanner })
  return onlookerOf(judge, { client: { ...envelope.client, address: clientAddress } })
}

async function judge(
  chunks: readonly Buffer[],
  field: ScoreField,
  clientAddress?: string,
): Promise<Judgement> {
  const begun = judging(field, clientAddress)
  for (const chunk of chunks) begun.push(chunk)
  return await Promise.resolve(begun.end())
}

const gtube = ['XJS*C4JDBQADN1.NSBN3*2IDNEN*GTUBE-STANDARD', 'ANTI-UBE-TEST-EMAIL*C.34X'].join('-')
const scored = (score: number, ...symbols: string[]): Judgement => ({
  kind: 'judged',
  score,
  symbols,
})
const silent: Judgement = { kind: 'silent' }
const received = 'Received: from sender.example by scanner.test; now\r\n'
const several = (field: string): Judgement => ({
  kind: 'failed',
  why: `more than one ${field}: the scanner has to remove those of senders`,
})

describe('where the number stands', () => {
  test.each<[ScoreField, string, number | undefined]>([
    ['X-Spam-Score', '7.5', 7.5],
    ['X-Spam-Score', ' -2', -2],
    ['X-Spam-Score', '\t8 (++++++++)', 8],
    ['X-Spam-Score', '5.1 A,B', 5.1],
    ['X-Spam-Score', 'high', undefined],
    ['X-Spam-Score', 'of ann: 9', undefined],
    ['X-Spam-Score', '9,5', undefined],
    ['X-Spam-Score', '1e9', undefined],
    ['X-Spam-Score', '', undefined],
    ['X-Rspamd-Score', '4.25', 4.25],
    ['X-Spam-Status', 'Yes, score=11.2 required=5.0\ttests=A,B', 11.2],
    [
      'X-Spam-Status',
      'No, score=-1.9 tagged_above=-999 required=6.2 tests=[A=-1.9] autolearn=ham',
      -1.9,
    ],
    ['X-Spam-Status', 'No, hits=2.5 required=5.0', 2.5],
    ['X-Spam-Status', 'No, score=x required=5', undefined],
    ['X-Spam-Status', 'No, tests=A score=99', undefined],
    ['X-Spamd-Result', 'default: False [4.10 / 15.00];\tSYMBOL(1.00)[a]', 4.1],
    ['X-Spamd-Result', 'default: True [-3.20 / 15.00]', -3.2],
    [
      'X-Spamd-Result',
      'default: False [1.00 / 15.00];\tREPLYTO_NEQ_FROM(0.00)[[99.00 / 15.00]];\tSUBJECT(0)[default: True [99 / 15]]',
      1,
    ],
    ['X-Spamd-Result', 'default: False; REPLYTO(0.00)[default: True [99.00 / 15.00]]', undefined],
  ])('%s:%s', (field, value, score) => expect(scoreIn(field, value)).toBe(score))

  test('whatever the sender has written behind it changes nothing', () => {
    const heads: Record<ScoreField, string> = {
      'X-Spam-Score': '3',
      'X-Rspamd-Score': '3',
      'X-Spam-Status': 'No, score=3 required=5',
      'X-Spamd-Result': 'default: False [3 / 15.00]; REPLYTO(0.00)[',
    }
    const parts = fc.constantFrom(
      'score=99 ',
      '[99 / 15]',
      'default: True [99.00 / 15.00]',
      'Yes, score=99',
      ' ',
      '99',
    )
    fc.assert(
      fc.property(
        fc.constantFrom(...scoreFields),
        fc.array(fc.oneof(parts, fc.string())),
        (field, rest) => {
          expect(scoreIn(field, `${heads[field]} ${rest.join('')}`)).toBe(3)
        },
      ),
    )
  })

  test('a value of any length and kind is read in its first octets', () => {
    for (const field of scoreFields)
      for (const unit of [' ', '\t ', '1', 'Yes,', 'a: False [', ':'])
        expect(scoreIn(field, unit.repeat(1_000_000))).toBeUndefined()
  })
})

describe('whose field counts', () => {
  const field = 'X-Spam-Score' as const
  test.each<[string, string, Judgement]>([
    ['none', `${received}Subject: x\r\n\r\nhello\r\n`, silent],
    ['one at the top', `${field}: 7.5\r\n${received}\r\n`, scored(7.5, field)],
    ['one at the end', `${received}Subject: x\r\n${field}: 7.5\r\n\r\n`, scored(7.5, field)],
    [
      'one at the end, folded, in another case',
      `${received}x-spam-score:\r\n\t8\r\n\r\n`,
      scored(8, field),
    ],
    [
      'the topmost of several at the top',
      `${field}: 1\r\n${field}: 9\r\n${received}\r\n`,
      scored(1, field),
    ],
    [
      'that at the top, not those below',
      `${field}: 1\r\n${received}${field}: -9\r\n${field}: 9\r\n\r\n`,
      scored(1, field),
    ],
    ['none of several below', `${received}${field}: 1\r\n${field}: 9\r\n\r\n`, several(field)],
    ['one without a Received field', `Subject: x\r\n${field}: 2\r\n\r\n`, scored(2, field)],
    [
      'no field of another scanner',
      `X-Spam-Status: Yes, score=20\r\nX-Spam-Level: *******\r\n${received}\r\n`,
      silent,
    ],
    ['not in the body', `Subject: x\r\n\r\n${field}: 9\r\n`, silent],
    ['not behind a line that is no field', `Subject: x\r\nno field\r\n${field}: 9\r\n\r\n`, silent],
    ['not inside of another field', `Subject: x\r\n ${field}: 9\r\n\r\n`, silent],
    ['a body without header', `\r\n${field}: 9\r\n`, silent],
    ['no empty line at all', `${field}: 9\r\n`, scored(9, field)],
    [
      'no number',
      `${field}: high\r\n\r\n`,
      { kind: 'failed', why: `${field} has no score where it belongs` },
    ],
    ['GTUBE', `Subject: x\r\n\r\n${gtube}\r\n`, scored(gtubeScore, 'GTUBE')],
    ['GTUBE too far down', `Subject: x\r\n\r\n${'a'.repeat(lookBytes)}${gtube}\r\n`, silent],
  ])('%s', async (_name, text, judgement) => {
    expect(await judge([octet(text)], field)).toEqual(judgement)
    if (text.length < 1000)
      expect(
        await judge(
          [...octet(text)].map((byte) => Buffer.from([byte])),
          field,
        ),
      ).toEqual(judgement)
  })

  test('nobody is believed who is not named, and GTUBE is spam from anybody', async () => {
    expect(await judge([octet(`${field}: 9\r\n\r\n`)], field, '198.51.100.1')).toEqual(silent)
    expect(await judge([octet(`${field}: 9\r\n\r\n${gtube}\r\n`)], field, '198.51.100.1')).toEqual(
      scored(gtubeScore, 'GTUBE'),
    )
  })

  test('of a scanner that writes at the top, no sender changes the score, whatever fields it sends', async () => {
    const sent = fc.constantFrom(
      ...scoreFields.flatMap((name) => [
        `${name}: 99`,
        `${name}: -99`,
        `${name}: Yes, score=99`,
        `${name}: a: True [99 / 1]`,
      ]),
      'Received: from x by y; now',
      'no field',
      ' folded',
      'Subject: x',
    )
    await fc.assert(
      fc.asyncProperty(fc.array(sent), async (lines) => {
        const text = `${field}: 4\r\n${received}${lines.map((line) => `${line}\r\n`).join('')}\r\nhello\r\n`
        expect(await judge([octet(text)], field)).toEqual(scored(4, field))
      }),
    )
  })

  test('of a scanner that writes at the end and removes those of senders, no sender changes the score', async () => {
    const sent = fc.constantFrom(
      'X-Spamd-Result: default: True [99.00 / 15.00]',
      'X-Spam-Status: Yes, score=99',
      'Received: from x by y; now',
      'Subject: x',
      'Reply-To: "default: True [99.00 / 15.00]" <a@example.org>',
    )
    await fc.assert(
      fc.asyncProperty(fc.array(sent), async (lines) => {
        const text = `${received}${lines.map((line) => `${line}\r\n`).join('')}${field}: 4\r\n\r\nhello\r\n`
        expect(await judge([octet(text)], field)).toEqual(scored(4, field))
      }),
    )
  })
})

describe('while the text streams by', () => {
  test('split anywhere, same judgement', async () => {
    const text = octet(
      `Subject: x\r\nX-Spam-Status: Yes,\r\n score=6\r\n\r\nX-Spam-Status: No, score=1\r\n`,
    )
    await fc.assert(
      fc.asyncProperty(cuts, async (at) => {
        expect(await judge(cut(text, at), 'X-Spam-Status')).toEqual(scored(6, 'X-Spam-Status'))
      }),
    )
  })

  test('what is settled early does not change any more', () => {
    const begun = judging('X-Spam-Score')
    begun.push(octet('X-Spam-Score: 3\r\n\r\n'))
    expect(begun.settled()).toBeUndefined()
    begun.push(Buffer.alloc(lookBytes, 'a'))
    const settled = begun.settled()
    begun.push(octet(`\r\n\r\nX-Spam-Score: 9\r\n${gtube}`))
    expect(settled).toEqual(scored(3, 'X-Spam-Score'))
    expect(begun.end()).toEqual(settled)
  })

  test('who is not believed is settled without the end of the header section', () => {
    const begun = judging('X-Spam-Score', '198.51.100.1')
    begun.push(Buffer.alloc(lookBytes, 'a'))
    expect(begun.settled()).toEqual(silent)
  })

  test('a header section that does not end is read up to a limit, and then the judge has failed', async () => {
    const chunks = Array.from({ length: 40 }, () => Buffer.alloc(65_536, 'a: b\r\n'))
    expect(headerLimitBytes).toBeLessThan(40 * 65_536)
    expect(await judge(chunks, 'X-Spam-Score')).toMatchObject({ kind: 'failed' })
  })

  test('of a header section of very many lines none is read, and the judge has failed', async () => {
    const text = Buffer.concat([
      octet('X-Spam-Score: 1\r\n'),
      Buffer.alloc(100_000, 'a:\r\n'),
      octet('\r\n'),
    ])
    expect(await judge([text], 'X-Spam-Score')).toMatchObject({ kind: 'failed' })
  })

  test('never throws on random headers', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.string({ unit: 'binary' }),
        fc.constantFrom(...scoreFields),
        async (text, field) => {
          await judge([octet(`${field}: ${text}\r\n`)], field)
        },
      ),
    )
  })
})
