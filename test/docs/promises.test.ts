/**
 * No page promises what was not tried. A test that shows a promise quotes it in its name:
 * `limits.md: “Single octets do not prolong the time for a command.”` (part of a sentence will do).
 * Each sentence of the pages below is either quoted by a test or listed in explanations.md, because
 * it promises nothing about Rcptwise. A table is quoted as `table under HEADING`.
 */
import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { type Page, plain, readPage } from './pages.ts'

const root = join(import.meta.dirname, '..', '..')
const tests = join(root, 'test')

/** Read sentence by sentence. A quote may be of any other page, too. */
const whole = [
  'README.md',
  'docs/known-limits.md',
  'docs/limits.md',
  'docs/rules.md',
  'docs/strategies.md',
]

const pages = new Map(
  ['README.md', ...readdirSync(join(root, 'docs')).map((name) => `docs/${name}`)]
    .filter((file) => file.endsWith('.md'))
    .map(readPage)
    .map((page) => [page.name, page]),
)

interface Quote {
  readonly page: string
  readonly text: string
  /** The test's file. */
  readonly by: string
}

/** `PAGE.md: “…”`, or several quotes after one another. */
const named = /([\w-]+\.md): ((?:“[^”]+”[ ,]*)+)/g

function quotesIn(file: string): Quote[] {
  const text = readFileSync(join(tests, file), 'utf8').replaceAll(/\\(['"`])/g, '$1')
  return [...text.matchAll(named)].flatMap(([, page = '', quotes = '']) =>
    [...quotes.matchAll(/“([^”]+)”/g)].map(([, quote = '']) => ({
      page,
      text: plain(quote),
      by: file,
    })),
  )
}

const quotes = readdirSync(tests, { recursive: true, encoding: 'utf8' })
  .filter((file) => file.endsWith('.ts') && file !== 'docs/promises.test.ts')
  .flatMap(quotesIn)

/** Of each page: sentences, or their beginnings. */
const explanations = new Map(
  readFileSync(join(import.meta.dirname, 'explanations.md'), 'utf8')
    .split(/^## /m)
    .slice(1)
    .map((section): [string, string[]] => {
      const [name = '', ...lines] = section.split('\n')
      return [
        name.trim(),
        lines.filter((line) => line.startsWith('- ')).map((line) => plain(line.slice(2))),
      ]
    }),
)

const quoted = (page: Page, unit: string): boolean =>
  quotes.some((quote) => quote.page === page.name && unit.includes(quote.text))
const explained = (page: Page, unit: string): boolean =>
  (explanations.get(page.name) ?? []).some((beginning) => unit.startsWith(beginning))

test('every quote in the name of a test is in its page', () => {
  const stale = quotes.filter(
    ({ page, text }) => pages.get(page)?.units.some((unit) => unit.includes(text)) !== true,
  )
  expect(stale).toEqual([])
})

test('a quote is long enough to say something', () => {
  expect(quotes.filter(({ text }) => text.length < 12)).toEqual([])
})

test('every explanation is in its page, and no test shows it', () => {
  const stale = [...explanations].flatMap(([name, beginnings]) =>
    beginnings
      .filter((beginning) => {
        const page = pages.get(name)
        const units = page?.units.filter((unit) => unit.startsWith(beginning)) ?? []
        return page === undefined || units.length === 0 || units.some((unit) => quoted(page, unit))
      })
      .map((beginning) => `${name}: ${beginning}`),
  )
  expect(stale).toEqual([])
})

describe('every sentence has a test that quotes it, or is listed in test/docs/explanations.md because it promises nothing', () => {
  test.each(whole)('%s', (file) => {
    const page = readPage(file)
    const bare = page.units.filter((unit) => !quoted(page, unit) && !explained(page, unit))
    expect(bare).toEqual([])
  })
})

test('a sentence that nobody shows would be noticed', () => {
  const page: Page = {
    name: 'limits.md',
    file: '',
    units: ['Rcptwise brews coffee.'],
    paragraphs: [],
  }
  expect(quoted(page, 'Rcptwise brews coffee.') || explained(page, 'Rcptwise brews coffee.')).toBe(
    false,
  )
})
