/** Edits as data: what may be written into a message, and what becomes of its text. */
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import {
  type Edit,
  editedFieldBytes,
  editedFieldsBytes,
  editedLineBytes,
  mostEdits,
  type Revision,
  sameRevision,
  checkEdits,
  type Edits,
} from '../../src/message/edits.ts'
import { headerFieldsLimit, readFields } from '../../src/message/header-fields.ts'
import { headerLimitBytes, HeaderReader } from '../../src/message/header-section.ts'
import { revised } from '../../src/message/revised-text.ts'
import type { TextSource } from '../../src/message/text-source.ts'
import { cut, cuts, octet } from '../smtp/splits.ts'
import { runs } from '../support/properties.ts'

function edits(...list: readonly Edit[]): Edits {
  const checked = checkEdits(list)
  if ('failed' in checked) throw new Error(checked.failed)
  return checked
}

const text = (pieces: readonly Buffer[], inMemory: boolean): TextSource => ({
  whole: () => (inMemory ? pieces : undefined),
  async *chunks() {
    for (const piece of pieces) yield await Promise.resolve(piece)
  },
})

async function read(source: TextSource): Promise<string> {
  const all: Buffer[] = []
  for await (const chunk of source.chunks()) all.push(chunk)
  return Buffer.concat(all).toString('latin1')
}

const change = async (came: string, revision: Revision): Promise<string> =>
  await read(revised(text([octet(came)], true), revision))

const message = 'A: 1\r\nX: one\r\nB: 2\r\n\t3\r\nx: two\r\n\r\nbody\r\n'

describe('an edit', () => {
  test.each<[string, Edit[], string]>([
    [
      'adds a field behind all others',
      [{ do: 'add', name: 'N', value: ' v' }],
      'A: 1\r\nX: one\r\nB: 2\r\n\t3\r\nx: two\r\nN: v\r\n\r\nbody\r\n',
    ],
    [
      'inserts one above all others',
      [{ do: 'insert', at: 0, name: 'N', value: 'v' }],
      'N:v\r\nA: 1\r\nX: one\r\nB: 2\r\n\t3\r\nx: two\r\n\r\nbody\r\n',
    ],
    [
      'inserts one below so many',
      [{ do: 'insert', at: 3, name: 'N', value: ' v' }],
      'A: 1\r\nX: one\r\nB: 2\r\n\t3\r\nN: v\r\nx: two\r\n\r\nbody\r\n',
    ],
    [
      'inserts one at the end where there are not so many',
      [{ do: 'insert', at: 99, name: 'N', value: ' v' }],
      'A: 1\r\nX: one\r\nB: 2\r\n\t3\r\nx: two\r\nN: v\r\n\r\nbody\r\n',
    ],
    [
      'changes the second of a name, whatever the case, at its place',
      [{ do: 'change', nth: 2, name: 'X', value: ' new\r\n folded' }],
      'A: 1\r\nX: one\r\nB: 2\r\n\t3\r\nX: new\r\n folded\r\n\r\nbody\r\n',
    ],
    [
      'adds what it can not change',
      [{ do: 'change', nth: 3, name: 'X', value: ' new' }],
      'A: 1\r\nX: one\r\nB: 2\r\n\t3\r\nx: two\r\nX: new\r\n\r\nbody\r\n',
    ],
    [
      'removes one with its folds',
      [{ do: 'remove', nth: 1, name: 'b' }],
      'A: 1\r\nX: one\r\nx: two\r\n\r\nbody\r\n',
    ],
    [
      'removes the last of a name',
      [{ do: 'remove', nth: -1, name: 'X' }],
      'A: 1\r\nX: one\r\nB: 2\r\n\t3\r\n\r\nbody\r\n',
    ],
    [
      'removes all of a name',
      [{ do: 'remove', nth: 0, name: 'X' }],
      'A: 1\r\nB: 2\r\n\t3\r\n\r\nbody\r\n',
    ],
    ['removes none where there is none', [{ do: 'remove', nth: 7, name: 'X' }], message],
    [
      'counts with those before it in its list',
      [
        { do: 'remove', nth: 1, name: 'X' },
        { do: 'remove', nth: 1, name: 'X' },
        { do: 'insert', at: 0, name: 'X', value: ' new' },
        { do: 'change', nth: 1, name: 'X', value: ' newer' },
      ],
      'X: newer\r\nA: 1\r\nB: 2\r\n\t3\r\n\r\nbody\r\n',
    ],
  ])('%s', async (_name, list, result) =>
    expect(await change(message, [[edits(...list)]])).toBe(result),
  )

  test.each([
    ['no fields', '\r\nbody\r\n', 'N: v\r\n\r\nbody\r\n'],
    ['no body', 'A: 1\r\n', 'A: 1\r\nN: v\r\n'],
    ['a last line that does not end', 'A: 1', 'A: 1\r\nN: v\r\n'],
    ['nothing at all', '', 'N: v\r\n'],
    [
      'a line that is no field',
      'A: 1\r\nno\r\nB: 2\r\n\r\nb',
      'A: 1\r\nN: v\r\n\r\nno\r\nB: 2\r\n\r\nb',
    ],
    [
      'a line of a mailbox',
      'From a\r\nB: 2\r\n\r\nb',
      'N: v\r\nX-Mailbox-Line: From a\r\nB: 2\r\n\r\nb',
    ],
    ['a blank at the beginning', ' a\r\n\r\nb', 'N: v\r\n\r\n a\r\n\r\nb'],
  ])('that adds a field to a text with %s', async (_name, came, result) => {
    expect(await change(came, [[edits({ do: 'add', name: 'N', value: ' v' })]])).toBe(result)
  })

  test('replaces a body, and what stands there has whole lines', async () => {
    const body = text([octet('new\nlines\r'), octet('\n.\r\nend')], true)
    const list = edits({ do: 'replaceBody', body }, { do: 'remove', nth: 0, name: 'X' })
    const result = 'A: 1\r\nB: 2\r\n\t3\r\n\r\nnew\r\nlines\r\n.\r\nend'
    expect(await change(message, [[list]])).toBe(result)
    expect(await change('A: 1', [[list]])).toBe('A: 1\r\n\r\nnew\r\nlines\r\n.\r\nend')
    const nul = edits({ do: 'replaceBody', body: text([octet('a\r\n\0.\r\n')], true) })
    await expect(change(message, [[nul]])).rejects.toThrow(/can't be passed on: nul/)
  })
})

describe('several who edit', () => {
  const first = edits(
    { do: 'remove', nth: 1, name: 'X' },
    { do: 'insert', at: 0, name: 'N', value: ' 1' },
  )
  const second = edits(
    { do: 'remove', nth: 2, name: 'X' },
    { do: 'insert', at: 0, name: 'N', value: ' 2' },
  )

  test('side by side each count what came, and the first stands above', async () =>
    expect(await change(message, [[first, second]])).toBe(
      'N: 1\r\nN: 2\r\nA: 1\r\nB: 2\r\n\t3\r\n\r\nbody\r\n',
    ))

  test('one after the other see what was done before', async () =>
    expect(await change(message, [[first], [second]])).toBe(
      'N: 2\r\nN: 1\r\nA: 1\r\nB: 2\r\n\t3\r\nx: two\r\n\r\nbody\r\n',
    ))

  test('equal edits are one revision, whoever made them', () => {
    const again = edits(...first.list.map((edit) => ({ ...edit })))
    expect(sameRevision([[first], [second]], [[again], [second]])).toBe(true)
    expect(sameRevision([[first], [second]], [[first, second]])).toBe(false)
    expect(sameRevision([[first]], [[second]])).toBe(false)
    expect(sameRevision([[first]], [[first], [second]])).toBe(false)
    expect(
      sameRevision(
        [[edits({ do: 'add', name: 'N', value: ' 1' })]],
        [[edits({ do: 'add', name: 'N', value: ' 2' })]],
      ),
    ).toBe(false)
  })
})

const field = fc.constantFrom('A', 'b', 'X', 'Subject')
const value = fc.constantFrom(' v', '', ' a\r\n\tb', ' \xe9\xff', 'x'.repeat(500))
const edit: fc.Arbitrary<Edit> = fc.oneof(
  fc.record({ do: fc.constant('add' as const), name: field, value }),
  fc.record({ do: fc.constant('insert' as const), name: field, value, at: fc.nat({ max: 6 }) }),
  fc.record({
    do: fc.constant('change' as const),
    name: field,
    value,
    nth: fc.integer({ min: 1, max: 4 }),
  }),
  fc.record({
    do: fc.constant('remove' as const),
    name: field,
    nth: fc.integer({ min: -3, max: 3 }),
  }),
)
const revision = fc.array(
  fc.array(
    fc.array(edit, { maxLength: 4 }).map((list) => edits(...list)),
    { maxLength: 3 },
  ),
  { maxLength: 3 },
)
const piece = fc.constantFrom(
  'A: 1\r\n',
  'x: \xe9\0\r\n',
  'B : 2\r\n 3\r\n',
  'no field\r\n',
  'From a\r\n',
  ' blank\r\n',
  '\r\n',
  'Subject: x',
  'y'.repeat(1200),
)
const came = fc.array(piece, { maxLength: 8 }).map((pieces) => pieces.join(''))

describe('whatever is changed in whatever text', () => {
  test('it does not matter where the text is cut, nor whether it is in memory', async () => {
    await fc.assert(
      fc.asyncProperty(came, revision, cuts, async (written, made, places) => {
        const pieces = cut(octet(written), places)
        const result = await change(written, made)
        expect(await read(revised(text(pieces, false), made))).toBe(result)
        const whole = revised(text(pieces, true), made).whole() ?? []
        expect(Buffer.concat(whole).toString('latin1')).toBe(result)
      }),
      { numRuns: runs(1500) },
    )
  })

  test('what no edit names passes as it came, and what is written are fields', async () => {
    const ours = fc.oneof(
      fc.record({ do: fc.constant('add' as const), name: fc.constant('X-New'), value }),
      fc.record({
        do: fc.constant('insert' as const),
        name: fc.constant('X-New'),
        value,
        at: fc.nat({ max: 6 }),
      }),
    )
    await fc.assert(
      fc.asyncProperty(
        came,
        fc.array(ours, { minLength: 1, maxLength: 4 }),
        async (written, list) => {
          const result = await change(written, [[edits(...list)]])
          const { header } = new HeaderReader().push(octet(`${result}\r\n\r\n`)) ?? {
            header: octet(''),
          }
          const fields = readFields(header)?.leading ?? []
          const news = fields.filter(({ name }) => name === 'x-new')
          expect(news.map(({ raw }) => raw).sort()).toEqual(
            list.map((one) => `X-New:${one.value}\r\n`).sort(),
          )
          let rest = result
          for (const { raw } of news) rest = rest.replace(raw, () => '')
          // The line end of the last field, and what keeps our fields and a first line apart.
          const apart = ['', '\r\n', 'X-Mailbox-Line: ']
          const places = [
            0,
            ...[...written.matchAll(/\r\n/g)].map(({ index }) => index + 2),
            written.length,
          ]
          const possible = places.flatMap((place) =>
            apart.map((joint) => written.slice(0, place) + joint + written.slice(place)),
          )
          expect(possible).toContain(rest)
        },
      ),
      { numRuns: runs(1500) },
    )
  })

  test('fields beyond those that are read stay as they came', async () => {
    const many = `A: 1\r\n${'M: x\r\n'.repeat(headerFieldsLimit + 5)}X: y\r\n\r\nbody`
    const list = edits(
      { do: 'remove', nth: 0, name: 'A' },
      { do: 'remove', nth: 0, name: 'X' },
      { do: 'add', name: 'N', value: ' v' },
    )
    const result = await change(many, [[list]])
    expect(result).toHaveLength(many.length)
    expect(result).toContain('M: x\r\nN: v\r\nM: x\r\n')
    expect(result).toContain('X: y\r\n\r\nbody')
    const long = `A: 1\r\nM: ${'x'.repeat(headerLimitBytes)}\r\nX: y\r\n\r\nbody`
    expect(await change(long, [[list]])).toBe(`N: v\r\n${long.slice('A: 1\r\n'.length)}`)
  })
})

describe('the guard', () => {
  const add = (value: string, name = 'X-New'): unknown => checkEdits([{ do: 'add', name, value }])

  test.each([
    ['a line end', ' a\r\nBcc: x'],
    ['a bare LF', ' a\n b'],
    ['a bare CR', ' a\r b'],
    ['a NUL', ' a\0'],
    ['the end of the section', ' a\r\n\r\nbody'],
    ['a fold with nothing in it', ' a\r\n \r\n b'],
    ['a fold at its end', ' a\r\n '],
    ['a line end at its end', ' a\r\n'],
    ['a character that is no octet', ' \u2028'],
  ])('refuses a value with %s', (_name, value) =>
    expect(add(value)).toEqual({ failed: 'add: a value that would not stay in its field' }),
  )

  test.each([['', 'A:', 'A b', 'A\r\n', 'é', 'A\0']])('refuses the name %j', (name) =>
    expect(add(' v', name)).toEqual({ failed: 'add: no name of a field' }),
  )

  test('refuses places and numbers that are none', () => {
    for (const number of [NaN, 1.5, Infinity]) {
      expect(checkEdits([{ do: 'remove', name: 'A', nth: number }])).toHaveProperty('failed')
      expect(checkEdits([{ do: 'insert', name: 'A', at: number, value: '' }])).toHaveProperty(
        'failed',
      )
    }
    expect(checkEdits([{ do: 'change', name: 'A', nth: 0, value: '' }])).toHaveProperty('failed')
    expect(checkEdits([{ do: 'insert', name: 'A', at: -1, value: '' }])).toHaveProperty('failed')
  })

  test('no value, of whatever octets it is, becomes anything but the one field', async () => {
    const octets = fc.constantFrom(
      '\r',
      '\n',
      '\r\n',
      '\r\n ',
      '\r\n\t',
      '\0',
      ' ',
      '\t',
      'a',
      ':',
      'Bcc: x',
      '\x85',
      '\xff',
      '\x0b',
      '\x0c',
    )
    const values = fc.oneof(
      fc.array(octets, { maxLength: 8 }).map((parts) => parts.join('')),
      fc.string({ unit: 'binary' }),
    )
    await fc.assert(
      fc.asyncProperty(values, came, fc.nat({ max: 3 }), async (written, before, at) => {
        const checked = checkEdits([{ do: 'insert', at, name: 'X-New', value: written }])
        if ('failed' in checked) return
        const head = `S: 1\r\n${before.includes('\r\n\r\n') ? '' : 'T: 2\r\n'}`
        const result = await change(`${head}\r\n${before}`, [[checked]])
        const section = new HeaderReader().push(octet(result))
        expect(section?.end).toBe('empty line')
        const fields = readFields(section?.header ?? octet('')) ?? { all: [], bodyFrom: 0 }
        expect(fields.bodyFrom).toBeUndefined()
        expect(fields.all).toHaveLength(head.split('\r\n').length)
        const [ours] = fields.all.filter(({ name }) => name === 'x-new')
        expect(ours?.value).toBe(written.replaceAll('\r\n', ''))
        expect(section?.rest.toString('latin1')).toBe(before)
      }),
      { numRuns: runs(3000) },
    )
  })

  test('a field, a line, all of them together and their number have their limits', () => {
    const long = (octets: number): string =>
      ` ${`${'x'.repeat(900)}\r\n `.repeat(octets / 903)}${'y'.repeat(octets % 903)}z`
    expect(add(' '.padEnd(editedLineBytes - 'X-New:'.length, 'x'))).not.toHaveProperty('failed')
    expect(add(' '.padEnd(editedLineBytes, 'x'))).toEqual({
      failed: `add: a line of more than ${editedLineBytes} octets`,
    })
    expect(add(long(editedFieldBytes - 100))).not.toHaveProperty('failed')
    expect(add(long(1_000_000))).toEqual({
      failed: `add: a field of more than ${editedFieldBytes} octets`,
    })
    const one: Edit = { do: 'add', name: 'A', value: long(editedFieldBytes - 100) }
    const several = Math.floor(editedFieldsBytes / editedFieldBytes)
    expect(checkEdits(Array<Edit>(several).fill(one))).not.toHaveProperty('failed')
    expect(checkEdits(Array<Edit>(several + 1).fill(one))).toHaveProperty('failed')
    const none: Edit = { do: 'remove', name: 'A', nth: 1 }
    expect(checkEdits(Array<Edit>(mostEdits).fill(none))).not.toHaveProperty('failed')
    expect(checkEdits(Array<Edit>(mostEdits + 1).fill(none))).toHaveProperty('failed')
  })
})
