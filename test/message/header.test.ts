/** The header section of a text and its fields, as everybody reads them. */
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { headerFieldsLimit, readFields } from '../../src/message/header-fields.ts'
import { HeaderReader, type HeaderSection, readHeader } from '../../src/message/header-section.ts'
import { cut, cuts, octet } from '../smtp/splits.ts'
import { runs } from '../support/properties.ts'

function read(pieces: readonly Buffer[], limit?: number): HeaderSection & { all: string } {
  const reader = new HeaderReader(limit)
  const behind: Buffer[] = []
  let section: HeaderSection | undefined
  for (const piece of pieces) {
    if (section !== undefined) behind.push(piece)
    else section = reader.push(piece)
  }
  section ??= reader.end()
  const rest = Buffer.concat([section.rest, ...behind])
  return { ...section, rest, all: section.header.toString('latin1') }
}

describe('the header section', () => {
  test.each([
    ['A: 1\r\nB: 2\r\n\r\nbody\r\n\r\n', 'A: 1\r\nB: 2\r\n', 'body\r\n\r\n', 'empty line'],
    ['\r\nbody\r\n\r\n', '', 'body\r\n\r\n', 'empty line'],
    ['A: 1\r\n', 'A: 1\r\n', '', 'text'],
    ['A: 1', 'A: 1', '', 'text'],
    ['\r\n', '', '', 'empty line'],
    ['', '', '', 'text'],
    [
      `A: ${'x'.repeat(50)}\r\n\r\nb`,
      `A: ${'x'.repeat(37)}`,
      `${'x'.repeat(13)}\r\n\r\nb`,
      'limit',
    ],
  ])('%j', (text, header, rest, end) => {
    const section = read([octet(text)], 40)
    expect(section).toMatchObject({ all: header, end })
    expect(section.rest.toString('latin1')).toBe(rest)
  })

  test('wherever the octets are cut, it is the same, and no octet is lost or read twice', () => {
    const piece = fc.constantFrom('a: b', '\r\n', '\r', '\n', ' c', 'x'.repeat(30), ':', '\0')
    const texts = fc.array(piece, { maxLength: 20 }).map((pieces) => pieces.join(''))
    fc.assert(
      fc.property(texts, cuts, fc.integer({ min: 1, max: 80 }), (text, places, limit) => {
        const whole = read([octet(text)], limit)
        expect(read(cut(octet(text), places), limit)).toEqual(whole)
        const between = whole.end === 'empty line' ? '\r\n' : ''
        expect(whole.all + between + whole.rest.toString('latin1')).toBe(text)
      }),
      { numRuns: runs(2000) },
    )
  })

  test('no more of a text is read than its header section, or the limit', async () => {
    let pulled = 0
    async function* endless(): AsyncGenerator<Buffer> {
      for (;;) {
        pulled++
        yield await Promise.resolve(octet('X: y\r\n'))
      }
    }
    expect((await readHeader(endless(), 20)).header).toHaveLength(20)
    expect(pulled).toBe(4)
  })
})

const fieldsOf = (text: string) => {
  const fields = readFields(octet(text))
  return {
    ...fields,
    leading: fields?.leading.map(({ name, value }) => [name, value]),
    all: fields?.all.map(({ name, value }) => [name, value]),
  }
}

describe('the fields', () => {
  test('are unfolded; a line that is no field ends those that count', () => {
    const text = 'A: 1\r\n\t2\r\nB : x:y \r\nno field\r\n more\r\n:empty\r\nC:\r\n'
    expect(fieldsOf(text)).toEqual({
      leading: [
        ['a', ' 1\t2'],
        ['b', ' x:y '],
      ],
      all: [
        ['a', ' 1\t2'],
        ['b', ' x:y '],
        ['c', ''],
      ],
      bodyFrom: text.indexOf('no field'),
    })
  })

  test('a blank at the beginning folds nothing, and is no field', () =>
    expect(fieldsOf(' a: b\r\nC: d\r\n')).toMatchObject({ leading: [], bodyFrom: 0 }))

  test('of any octets each has a name, and what they are made of is what came', () => {
    const piece = fc.constantFrom('a: b', 'B', ':', '\r\n', '\n', ' c', '\t', '\xe9', '\0', 'no')
    const texts = fc.oneof(
      fc.array(piece).map((pieces) => pieces.join('')),
      fc.uint8Array().map((octets) => Buffer.from(octets).toString('latin1')),
    )
    fc.assert(
      fc.property(texts, (text) => {
        const { leading, all, bodyFrom = text.length } = readFields(octet(text)) ?? {}
        expect(leading?.map(({ raw }) => raw).join('')).toBe(text.slice(0, bodyFrom))
        for (const { name, raw, value, lines } of all ?? []) {
          expect(name).toMatch(/^[!-9;-~]+$/)
          expect(value).not.toMatch(/\n/)
          expect(lines).toBe(raw.split('\n').length - (raw.endsWith('\n') ? 1 : 0))
        }
      }),
      { numRuns: runs(1000) },
    )
  })

  test('too many of them are not read, nor too many lines that are none; one may have many lines', () => {
    for (const line of ['a: b\r\n', 'no\r\n']) {
      expect(readFields(octet(`A: 1\r\n${line.repeat(headerFieldsLimit - 1)}`))).toBeDefined()
      expect(readFields(octet(`A: 1\r\n${line.repeat(headerFieldsLimit)}`))).toBeUndefined()
    }
    const [folded] = readFields(octet(`A: 1\r\n${' b\r\n'.repeat(100_000)}`))?.all ?? []
    expect(folded).toMatchObject({ lines: 100_001, value: ` 1${' b'.repeat(100_000)}` })
  })
})
