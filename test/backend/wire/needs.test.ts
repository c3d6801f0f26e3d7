import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { argumentFor, fits, needsOf, refusalFor } from '../../../src/backend/wire/needs.ts'

const offers = (...keywords: string[]): Map<string, string> =>
  new Map(keywords.map((keyword) => [keyword.split(' ')[0] ?? '', keyword.split(' ')[1] ?? '']))

describe('needsOf', () => {
  test.each([
    ['<a@x>', undefined],
    ['<>', undefined],
    ['<"a> BODY=8BITMIME"@x>', undefined],
    ['<a@x> BODY=7BIT', undefined],
    ['<a@x> MT-PRIORITY=3', undefined],
    ['<a@x> SIZE=5', { must: [], should: [], sizeBytes: 5 }],
    ['<a@x> BODY=8BITMIME SMTPUTF8', { must: ['8BITMIME', 'SMTPUTF8'], should: [], sizeBytes: 0 }],
    ['<a@x> body=8bitmime', { must: ['8BITMIME'], should: [], sizeBytes: 0 }],
    ['<a@x> RET=FULL ENVID=<1>', { must: [], should: ['DSN', 'DSN'], sizeBytes: 0 }],
    ['<a@x> BODY=BINARYMIME', { must: ['BINARYMIME'], should: [], sizeBytes: 0 }],
    ['<a@x> body=binarymime SIZE=7', { must: ['BINARYMIME'], should: [], sizeBytes: 7 }],
    ['<a@x> REQUIRETLS', { must: ['REQUIRETLS'], should: [], sizeBytes: 0 }],
    ['<> REQUIRETLS', { must: ['REQUIRETLS'], should: [], sizeBytes: 0, report: true }],
    ['<a@x> BY=60;R', { must: ['DELIVERBY'], should: [], sizeBytes: 0 }],
    ['<"b> "@x> SMTPUTF8', { must: ['SMTPUTF8'], should: [], sizeBytes: 0 }],
  ])('%s', (mail, needs) => expect(needsOf(mail)).toEqual(needs))
})

describe('fits', () => {
  const needs = { must: ['SMTPUTF8'], should: ['DSN'], sizeBytes: 100 }
  test.each<[string[], string]>([
    [['SMTPUTF8', 'DSN'], 'well'],
    [['SMTPUTF8', 'DSN', 'SIZE 100'], 'well'],
    [['SMTPUTF8', 'DSN', 'SIZE 0'], 'well'],
    [['SMTPUTF8', 'DSN', 'SIZE 99'], 'not'],
    [['SMTPUTF8'], 'barely'],
    [['DSN'], 'not'],
  ])('%j: %s', (offered, how) => expect(fits(offers(...offered), needs)).toBe(how))
})

describe('argumentFor', () => {
  test.each<[string, string[], string]>([
    ['<a@x>', [], '<a@x>'],
    ['<a@x> SIZE=5 BODY=8BITMIME', ['SIZE', '8BITMIME'], '<a@x> SIZE=5 BODY=8BITMIME'],
    ['<a@x> SIZE=5 BODY=8BITMIME', ['8BITMIME'], '<a@x> BODY=8BITMIME'],
    ['<"a> SIZE=5"@x> SIZE=5', [], '<"a> SIZE=5"@x>'],
    ['<a@x> RET=FULL ENVID=1 MT-PRIORITY=1 BODY=7BIT', [], '<a@x>'],
    ['<a@x> NOTIFY=FAILURE,DELAY ORCPT=rfc822;a@x', [], '<a@x>'],
    ['<a@x> NOTIFY=NEVER ORCPT=rfc822;a@x', ['DSN'], '<a@x> NOTIFY=NEVER ORCPT=rfc822;a@x'],
  ])('%s at a server with %j', (argument, offered, shown) =>
    expect(argumentFor(argument, offers(...offered))).toBe(shown),
  )

  test.each([
    '<a@x> NOTIFY=NEVER',
    '<a@x> NOTIFY=SUCCESS,FAILURE',
    '<a@x> SMTPUTF8',
    '<a@x> BODY=8BITMIME',
    '<a@x> BY=1;N',
    '<a@x> BODY=BINARYMIME',
    '<a@x> REQUIRETLS',
    '<> REQUIRETLS',
  ])('%s is not shown to a server without it, and not changed', (argument) =>
    expect(argumentFor(argument, offers())).toMatchObject({ code: 451 }),
  )

  test('no parameter reaches a server that did not offer it', () => {
    const parameters = [
      'SIZE=1',
      'BODY=7BIT',
      'RET=HDRS',
      'ENVID=a>',
      'MT-PRIORITY=2',
      'AUTH=<>',
      'PRDR',
    ]
    const local = fc.constantFrom('a', '"a> SIZE=2"', '"\\"> PRDR"')
    fc.assert(
      fc.property(
        local,
        fc.subarray(parameters),
        fc.subarray(['SIZE', 'DSN', 'PRDR']),
        (name, used, offered) => {
          const path = `<${name}@x>`
          const shown = argumentFor([path, ...used].join(' '), offers(...offered))
          if (typeof shown !== 'string') throw new Error('nothing of this is refused')
          expect(shown.startsWith(path)).toBe(true)
          const left = shown
            .slice(path.length)
            .split(' ')
            .filter((word) => word !== '')
          const under: Readonly<Record<string, readonly string[]>> = {
            SIZE: ['SIZE=1'],
            DSN: ['RET=HDRS', 'ENVID=a>'],
            PRDR: ['PRDR'],
          }
          const allowed = offered.flatMap((keyword) => under[keyword] ?? [])
          expect(left).toEqual(used.filter((word) => allowed.includes(word)))
        },
      ),
    )
  })
})

test.each<[string[], boolean, string | undefined]>([
  [['8BITMIME'], false, '554 6.3'],
  [['8BITMIME'], true, '451 3.3'],
  [['BINARYMIME'], false, '554 6.3'],
  [['BINARYMIME'], true, '451 3.3'],
  [['SMTPUTF8'], false, '550 6.7'],
  [['SMTPUTF8'], true, '451 3.3'],
  [['REQUIRETLS'], false, '550 7.30'],
  [['REQUIRETLS'], true, '451 3.3'],
  [['DELIVERBY'], false, '451 3.3'],
  [[], false, undefined],
  [[], true, '451 3.3'],
])('what a client hears when nobody has %j; others are away: %s', (must, others, status) => {
  const reply = refusalFor({ must, should: [], sizeBytes: 1 }, () => true, others)
  expect(reply === undefined ? undefined : `${reply.code} ${reply.detail ?? ''}`).toBe(status)
})

test('a report is not lost for REQUIRETLS (RFC 8689 5): its sender may come again without', () => {
  const needs = { must: ['REQUIRETLS'], should: [], sizeBytes: 0, report: true } as const
  expect(refusalFor(needs, () => true, false)).toMatchObject({ code: 451, detail: '3.3' })
})
