import fc from 'fast-check'
import { expect, test } from 'vitest'
import type { Reply } from '../../src/smtp/reply.ts'
import { describeKept, keepReply, keptTextCharacters } from '../../src/split/kept-reply.ts'

test.each<[string, Reply, object, string]>([
  [
    'ours',
    { code: 550, detail: '7.1', lines: ['no'] },
    { code: 550, status: '5.7.1', text: 'no' },
    '550 5.7.1 no',
  ],
  [
    'of a server, with an enhanced code',
    { code: 250, lines: ['2.0.0 Ok: queued as 4F1'] },
    { code: 250, status: '2.0.0', text: 'Ok: queued as 4F1' },
    '250 2.0.0 Ok: queued as 4F1',
  ],
  [
    'of a server, several lines',
    { code: 550, lines: ['5.1.1 no such', '5.1.1 user'] },
    { code: 550, status: '5.1.1', text: 'no such / user' },
    '550 5.1.1 no such / user',
  ],
  [
    'of a server without an enhanced code',
    { code: 554, lines: ['no 5.1.1'] },
    { code: 554, text: 'no 5.1.1' },
    '554 no 5.1.1',
  ],
  [
    'a code and no more',
    { code: 250, lines: ['2.1.5'] },
    { code: 250, status: '2.1.5', text: '' },
    '250 2.1.5',
  ],
  ['UTF-8', { code: 550, lines: ['\xc3\xa4'] }, { code: 550, text: 'ä' }, '550 ä'],
])('%s', (_name, reply, kept, words) => {
  expect(keepReply(reply)).toEqual(kept)
  expect(describeKept(keepReply(reply))).toBe(words)
})

test('ledger.md: “A text of more than 200 characters is cut.” Whatever a server says, it is a whole text in Unicode.', () => {
  const line = fc.string({ unit: 'binary', maxLength: 500 })
  fc.assert(
    fc.property(fc.array(line, { minLength: 1, maxLength: 5 }), (lines) => {
      const octets = lines.map((each) => Buffer.from(each).toString('latin1'))
      const { text } = keepReply({ code: 550, lines: octets as [string] })
      expect(text.length).toBeLessThanOrEqual(keptTextCharacters)
      expect(text.isWellFormed()).toBe(true)
    }),
  )
  expect(keptTextCharacters).toBe(200)
})
