/** What is held of every comment of src: where it stands, how wide it is, and what it cites. */
import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import {
  citationsOf,
  malformedCitations,
  renderStandardsPage,
  standardsPage,
} from '../../tools/standards-docs.ts'

const src = join(import.meta.dirname, '..', '..', 'src')
const files = readdirSync(src, { recursive: true, encoding: 'utf8' })
  .filter((name) => name.endsWith('.ts'))
  .map((name) => ({ name, text: readFileSync(join(src, name), 'utf8') }))

const hasHead = (text: string): boolean => /^(?:#![^\n]*\n)?(?:\/\*\*|\/\/) ?\s*\S/.test(text)

/** Drawn with lines and arrows: what is drawn is as wide as it is. */
const isPicture = (line: string): boolean => /[─│┌┐└┘├┤┬┴┼▶▼◀▲]/.test(line)
const isComment = (line: string): boolean => /^\s*(?:\*|\/\*\*|\/\/)/.test(line)
const tooWide = (line: string): boolean => isComment(line) && !isPicture(line) && line.length > 100

test('every file says in its first comment what it is for', () => {
  expect(files.filter(({ text }) => !hasHead(text)).map(({ name }) => name)).toEqual([])
  expect(hasHead('#!/usr/bin/env node\n/** The command line. */\n')).toBe(true)
  expect(hasHead("import { a } from './a.ts'\n\n/** What a is for. */\n")).toBe(false)
})

test('no comment is wider than 100 columns, but for drawn pictures', () => {
  const wide = files.flatMap(({ name, text }) =>
    text.split('\n').flatMap((line, i) => (tooWide(line) ? [`${name}:${i + 1}`] : [])),
  )
  expect(wide).toEqual([])
  expect(tooWide(` * ${'word '.repeat(20)}`)).toBe(true)
  expect(tooWide(` * a ──▶ ${'b '.repeat(60)}`)).toBe(false)
})

describe('what comments cite', () => {
  test('is written RFC NNNN SECTION, and the number is known', () =>
    expect(malformedCitations()).toEqual([]))

  test('stands in docs/standards.md (stale? node tools/standards-docs.ts)', () =>
    expect(readFileSync(standardsPage, 'utf8')).toBe(renderStandardsPage()))

  test.each<[string, string, [string, string][]]>([
    ['with a section', '/** (RFC 5321 4.1.1.4) */', [['5321', '4.1.1.4']]],
    ['as a whole', '/** RFC 2033: LMTP. */', [['2033', '']]],
    [
      'two of one',
      '// RFC 3030 2, RFC 3030 4.2.',
      [
        ['3030', '2'],
        ['3030', '4.2'],
      ],
    ],
    ['over the end of a line', '/**\n * for it (RFC\n * 8689 5).\n */', [['8689', '5']]],
    ['and the section in the next line', '  // (RFC 3030\n  // 3)', [['3030', '3']]],
    ['a code that is no number alone', '/** RFC 3463 X.3.5: said. */', [['3463', 'X.3.5']]],
    ['with a word behind it', '/** RFC 9422 RCPTMAX */', [['9422', '']]],
    ['an address type is none', '/** rfc822;a@example.org */', []],
  ])('%s', (_, text, expected) => {
    const { citations, malformed } = citationsOf(text)
    expect(citations.map(({ rfc, section }) => [rfc, section])).toEqual(expected)
    expect(malformed).toEqual([])
  })

  test.each([
    'RFC5321',
    'rfc 5321',
    'RFC-5321 4.1',
    'RFC 5321 section 4',
    'RFC 5321, section 4',
    'RFC 5231 4.1.1',
  ])('a slip is noticed: %s', (slip) =>
    expect(citationsOf(`/** ${slip} */`).malformed).toHaveLength(1),
  )
})
