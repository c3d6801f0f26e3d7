import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { mayNotify, parseOriginalRecipient, wantsWholeText } from '../../src/dsn/notify.ts'

test.each([
  [undefined, true],
  ['FAILURE', true],
  ['success,failure', true],
  ['NEVER', false],
  ['never', false],
  ['SUCCESS,DELAY', false],
])('NOTIFY=%s', (notify, expected) => expect(mayNotify(notify)).toBe(expected))

test.each([
  [undefined, false],
  ['HDRS', false],
  ['full', true],
])('RET=%s', (ret, expected) => expect(wantsWholeText(ret)).toBe(expected))

describe('ORCPT', () => {
  test.each([
    ['rfc822;ann@example.org', { type: 'rfc822', address: 'ann@example.org' }],
    ['RFC822;ann+2Bshop@example.org', { type: 'rfc822', address: 'ann+shop@example.org' }],
    ['utf-8;b\\x{FC}ro@b\\x{FC}cher.example', { type: 'utf-8', address: 'büro@bücher.example' }],
    [
      `utf-8;${Buffer.from('büro@example.org').toString('latin1')}`,
      { type: 'utf-8', address: 'büro@example.org' },
    ],
    ['utf-8;\\x{D800}\\x{FFFFFF}', { type: 'utf-8', address: '\\x{D800}\\x{FFFFFF}' }],
    ['rfc822;ann+2', undefined],
    ['ann@example.org', undefined],
    ['', undefined],
  ])('%j', (value, expected) => expect(parseOriginalRecipient(value)).toEqual(expected))

  test('never throws', () => {
    fc.assert(
      fc.property(
        fc.string({ unit: 'binary-ascii' }),
        (text) => void parseOriginalRecipient(`utf-8;${text}`),
      ),
    )
    fc.assert(
      fc.property(fc.string({ unit: 'binary-ascii' }), (text) => void parseOriginalRecipient(text)),
    )
  })
})
