/** What is read as the Message-ID of a text, wherever its chunks end. */
import fc from 'fast-check'
import { expect, test } from 'vitest'
import { headerFieldsLimit } from '../../src/message/header-fields.ts'
import { headerLimitBytes } from '../../src/message/header-section.ts'
import { messageIdCharacters, MessageIdReader } from '../../src/message/message-id.ts'
import { createFingerprint } from '../../src/split/fingerprint.ts'

function read(text: Buffer, length = text.length || 1): string | undefined {
  const reader = new MessageIdReader()
  for (let at = 0; at < text.length; at += length) reader.push(text.subarray(at, at + length))
  reader.end()
  return reader.messageId
}

test.each([
  ['as it stands', 'Message-ID: <1@a.test>\r\n\r\n', '<1@a.test>'],
  ['folded', 'Message-Id:\r\n\t<1@a.test>\r\n  x\r\n\r\n', '<1@a.test> x'],
  [
    'the first that is not empty',
    'Message-ID: \r\nMessage-ID: <1>\r\nMessage-ID: <2>\r\n\r\n',
    '<1>',
  ],
  ['of a text without a body', 'Message-ID: <1>\r\n', '<1>'],
  ['not in the body', 'A: b\r\n\r\nMessage-ID: <1>\r\n', undefined],
  ['not behind a line that is no field', 'hello\r\nMessage-ID: <1>\r\n\r\n', undefined],
  [
    'not behind what is read',
    `A: ${'b'.repeat(headerLimitBytes)}\r\nMessage-ID: <1>\r\n`,
    undefined,
  ],
  [
    'not behind so many fields',
    `${'A: b\r\n'.repeat(headerFieldsLimit)}Message-ID: <1>\r\n\r\n`,
    undefined,
  ],
  ['of a text of nothing', '', undefined],
  ['bounded', `Message-ID: ${'x'.repeat(5000)}\r\n\r\n`, 'x'.repeat(messageIdCharacters)],
])('%s', (_name, text, expected) => {
  const octets = Buffer.from(text, 'latin1')
  expect(read(octets)).toBe(expected)
  expect(read(octets, 4096)).toBe(expected)
})

test('it is the one that the fingerprint has read, of any text, and chunks may end anywhere', () => {
  const lines = fc.constantFrom(
    'Message-ID: <1>',
    'message-id :  <2>',
    'A: b',
    ' go on',
    '',
    'x',
    'Message-ID:',
  )
  fc.assert(
    fc.property(fc.array(lines), fc.integer({ min: 1, max: 40 }), (all, length) => {
      const text = Buffer.from(all.map((line) => `${line}\r\n`).join(''), 'latin1')
      const fingerprint = createFingerprint()
      fingerprint.push(text)
      expect(read(text, length)).toBe(fingerprint.end().messageId)
    }),
  )
})
