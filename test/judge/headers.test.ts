import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { gtubeScore, headersJudge, lookBytes, scoresIn } from '../../src/judge/headers.ts'
import type { Judgement } from '../../src/judge/judge.ts'
import { cut, cuts, octet } from '../smtp/splits.ts'

const envelope = { clientAddress: '192.0.2.1', helo: 'x', reversePath: '', recipients: [] }
async function judge(chunks: readonly Buffer[]): Promise<Judgement> {
  const judging = headersJudge.begin(envelope)
  for (const chunk of chunks) judging.push(chunk)
  return await judging.end()
}
const gtube = ['XJS*C4JDBQADN1.NSBN3*2IDNEN*GTUBE-STANDARD', 'ANTI-UBE-TEST-EMAIL*C.34X'].join('-')
const scored = (score: number, ...symbols: string[]): Judgement => ({ kind: 'scored', score, symbols })

describe('the score in header fields', () => {
  test.each<[string, string, Judgement]>([
    ['none', 'Subject: x\r\n\r\nhello\r\n', { kind: 'silent' }],
    ['X-Spam-Score', 'X-Spam-Score: 7.5\r\n\r\n', scored(7.5, 'X-Spam-Score')],
    ['negative', 'x-spam-score: -2\r\n\r\n', scored(-2, 'X-Spam-Score')],
    ['folded', 'X-Spam-Score:\r\n 8\r\n\r\n', scored(8, 'X-Spam-Score')],
    [
      'X-Spam-Status',
      'X-Spam-Status: Yes, score=11.2 required=5.0\r\n\ttests=A,B\r\n\r\n',
      scored(11.2, 'X-Spam-Status'),
    ],
    ['X-Spam-Status, folded', 'X-Spam-Status: Yes,\r\n\tscore=6 required=5\r\n\r\n', scored(6, 'X-Spam-Status')],
    ['X-Spamd-Result', 'X-Spamd-Result: default: False [4.10 / 15.00];\r\n\r\n', scored(4.1, 'X-Spamd-Result')],
    ['X-Spam-Level', 'X-Spam-Level: *****\r\n\r\n', scored(5, 'X-Spam-Level')],
    [
      'the highest counts',
      'X-Spam-Score: -5\r\nX-Spam-Score: 9\r\nX-Spam-Level: **\r\n\r\n',
      scored(9, 'X-Spam-Score', 'X-Spam-Level'),
    ],
    ['not in the body', 'Subject: x\r\n\r\nX-Spam-Score: 9\r\n', { kind: 'silent' }],
    ['not inside of another field', 'Subject: X-Spam-Score: 9\r\n\r\n', { kind: 'silent' }],
    ['a body without header', '\r\nX-Spam-Score: 9\r\n', { kind: 'silent' }],
    ['no empty line at all', 'X-Spam-Score: 9\r\n', scored(9, 'X-Spam-Score')],
    ['no number', 'X-Spam-Score: high\r\n\r\n', { kind: 'silent' }],
    ['GTUBE', `Subject: x\r\n\r\n${gtube}\r\n`, scored(gtubeScore, 'GTUBE')],
    ['GTUBE too far down', `Subject: x\r\n\r\n${'a'.repeat(lookBytes)}${gtube}\r\n`, { kind: 'silent' }],
  ])('%s', async (_name, text, judgement) => {
    expect(await judge([octet(text)])).toEqual(judgement)
    if (text.length < 1000) expect(await judge([...octet(text)].map((byte) => Buffer.from([byte])))).toEqual(judgement)
  })

  test('split anywhere, same judgement', async () => {
    const text = octet(
      `Subject: x\r\nX-Spam-Status: Yes,\r\n score=6\r\nX-Spam-Level: ***\r\n\r\nbody ${gtube} end\r\n`,
    )
    await fc.assert(
      fc.asyncProperty(cuts, async (at) => {
        expect(await judge(cut(text, at))).toEqual(scored(gtubeScore, 'GTUBE'))
      }),
    )
  })

  test('what is settled early does not change any more', () => {
    const judging = headersJudge.begin(envelope)
    judging.push(octet('X-Spam-Score: 3\r\n\r\n'))
    expect(judging.settled()).toBeUndefined()
    judging.push(Buffer.alloc(lookBytes, 'a'))
    const settled = judging.settled()
    judging.push(octet(`\r\n\r\nX-Spam-Score: 9\r\n${gtube}`))
    expect(settled).toEqual(scored(3, 'X-Spam-Score'))
    expect(judging.end()).toEqual(settled)
  })

  test('never throws on random headers', () => {
    fc.assert(fc.property(fc.string({ unit: 'binary' }), (text) => void scoresIn(`X-Spam-Status: ${text}\r\n`)))
  })
})
