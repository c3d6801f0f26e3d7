import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import {
  checkMailParameters,
  checkRcptParameters,
  encodeParameters,
  isBinary,
  parseParameters,
} from '../../src/smtp/parameters.ts'

const all = new Map([
  ['SIZE', ''],
  ['8BITMIME', ''],
  ['SMTPUTF8', ''],
  ['DSN', ''],
  ['PRDR', ''],
  ['DELIVERBY', ''],
  ['MT-PRIORITY', ''],
])
const parse = (text: string) =>
  parseParameters(text) ?? new Map<string, string | undefined>([['UNPARSED', undefined]])

describe('MAIL parameters', () => {
  test.each([
    ['', undefined],
    ['SIZE=1234', undefined],
    ['SIZE=', { fault: 'syntax', name: 'SIZE' }],
    ['SIZE=1=2', { fault: 'syntax', name: 'SIZE' }],
    ['BODY=', { fault: 'syntax', name: 'BODY' }],
    ['SIZE', { fault: 'syntax', name: 'SIZE' }],
    ['SIZE=-1', { fault: 'syntax', name: 'SIZE' }],
    ['SIZE=1k', { fault: 'syntax', name: 'SIZE' }],
    ['SIZE=123456789012345678901', { fault: 'syntax', name: 'SIZE' }],
    ['BODY=8BITMIME', undefined],
    ['BODY=7bit', undefined],
    ['BODY=BINARYMIME', { fault: 'unknown', name: 'BODY=BINARYMIME' }],
    ['BODY=9BIT', { fault: 'syntax', name: 'BODY' }],
    ['BODY', { fault: 'syntax', name: 'BODY' }],
    ['SMTPUTF8 SIZE=5 BODY=9BIT', { fault: 'syntax', name: 'BODY' }],
    ['SMTPUTF8', undefined],
    ['SMTPUTF8=yes', { fault: 'syntax', name: 'SMTPUTF8' }],
    ['RET=HDRS ENVID=QQ+2B1', undefined],
    ['RET=NONE', { fault: 'syntax', name: 'RET' }],
    ['ENVID=', { fault: 'syntax', name: 'ENVID' }],
    ['ENVID=a=b', undefined],
    ['ENVID=a+3d', undefined],
    ['ENVID=a+zz', { fault: 'syntax', name: 'ENVID' }],
    ['ENVID=\xc3\xa4', { fault: 'syntax', name: 'ENVID' }],
    ['ENVID=a+2', { fault: 'syntax', name: 'ENVID' }],
    ['PRDR', undefined],
    ['PRDR=1', { fault: 'syntax', name: 'PRDR' }],
    ['BY=120;R', undefined],
    ['BY=-5;NT', undefined],
    ['BY=5', { fault: 'syntax', name: 'BY' }],
    ['BY=0;N', undefined],
    ['BY=+60;R', undefined],
    ['BY=0;R', { fault: 'syntax', name: 'BY' }],
    ['BY=-5;R', { fault: 'syntax', name: 'BY' }],
    ['BY=1234567890;N', { fault: 'syntax', name: 'BY' }],
    ['MT-PRIORITY=-3', undefined],
    ['MT-PRIORITY=10', { fault: 'syntax', name: 'MT-PRIORITY' }],
    ['AUTH=<>', undefined],
    ['AUTH=', undefined],
    ['AUTH=a=b', undefined],
    ['AUTH', { fault: 'syntax', name: 'AUTH' }],
    ['SIZE=10\tBODY=8BITMIME', undefined],
    ['NOTIFY=NEVER', { fault: 'unknown', name: 'NOTIFY' }],
    ['REQUIRETLS', { fault: 'unknown', name: 'REQUIRETLS' }],
  ])('%s', (text, fault) => expect(checkMailParameters(parse(text), all)).toEqual(fault))

  test('BINARYMIME and REQUIRETLS where they were offered', () => {
    const more = new Map([...all, ['CHUNKING', ''], ['BINARYMIME', ''], ['REQUIRETLS', '']])
    for (const text of ['BODY=BINARYMIME', 'body=binarymime REQUIRETLS', 'REQUIRETLS'])
      expect(checkMailParameters(parse(text), more), text).toBeUndefined()
    expect(checkMailParameters(parse('REQUIRETLS=yes'), more)).toEqual({
      fault: 'syntax',
      name: 'REQUIRETLS',
    })
    expect(checkRcptParameters(parse('BODY=BINARYMIME'), more)).toEqual({
      fault: 'unknown',
      name: 'BODY',
    })
  })

  test.each([
    ['BODY=BINARYMIME', true],
    ['body=BinaryMime', true],
    ['BODY=8BITMIME', false],
    ['', false],
  ])('%s is binary: %s', (text, binary) => expect(isBinary(parse(text))).toBe(binary))

  test('what was not offered is unknown, whatever its value', () => {
    for (const text of ['SIZE=1', 'BODY=8BITMIME', 'SMTPUTF8', 'RET=FULL', 'PRDR', 'BY=1;R'])
      expect(checkMailParameters(parse(text), new Map())).toMatchObject({ fault: 'unknown' })
  })
})

describe('RCPT parameters', () => {
  test.each([
    ['NOTIFY=SUCCESS,FAILURE', undefined],
    ['notify=delay', undefined],
    ['NOTIFY=NEVER,SUCCESS', { fault: 'syntax', name: 'NOTIFY' }],
    ['NOTIFY=', { fault: 'syntax', name: 'NOTIFY' }],
    ['NOTIFY=SUCCESS,', undefined],
    ['NOTIFY=,', { fault: 'syntax', name: 'NOTIFY' }],
    ['ORCPT=rfc822;a+2Bb@example.org', undefined],
    ['ORCPT=rfc822;a=b+2b@example.org', undefined],
    ['ORCPT=x400;/a=b/', undefined],
    ['ORCPT=;a', { fault: 'syntax', name: 'ORCPT' }],
    ['ORCPT=example.org', { fault: 'syntax', name: 'ORCPT' }],
    ['SIZE=1', { fault: 'unknown', name: 'SIZE' }],
    ['PRDR', { fault: 'unknown', name: 'PRDR' }],
  ])('%s', (text, fault) => expect(checkRcptParameters(parse(text), all)).toEqual(fault))
})

describe('parseParameters', () => {
  test.each(['SIZE=1 SIZE=2', 'size=1 SIZE=1', '=1', '-A', 'A=\x01', 'A\tA', 'A=\x7f'])(
    'refuses %j',
    (text) => expect(parseParameters(text)).toBeUndefined(),
  )

  test('what goes on to the backend is what came, but for PRDR', () => {
    expect(encodeParameters(parse('SIZE=10 PRDR RET=hdrs ENVID=x+2By'))).toBe(
      ' SIZE=10 RET=hdrs ENVID=x+2By',
    )
    const name = fc.stringMatching(/^[A-Z0-9][A-Z0-9-]{0,8}$/)
    const value = fc.option(fc.stringMatching(/^[!-~]{0,12}$/), { nil: undefined })
    fc.assert(
      fc.property(
        fc.uniqueArray(fc.tuple(name, value), { selector: ([n]) => n, maxLength: 5 }),
        (pairs) => {
          const parameters = new Map(pairs.filter(([n]) => n !== 'PRDR'))
          expect(parseParameters(encodeParameters(parameters).trim())).toEqual(parameters)
        },
      ),
    )
  })

  test('never throws, and lets no control character through', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary' }), (text) => {
        for (const [name, value] of parseParameters(text) ?? [])
          expect(`${name}${value ?? ''}`).not.toMatch(/[\x00-\x20\x7f]/)
      }),
    )
  })
})
