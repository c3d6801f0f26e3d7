/**
 * The pages are written for readers who learnt English at school: one sentence a line in the
 * source, and no long ones (docs/decisions/0057). Tables and code are left out.
 */
import { describe, expect, test } from 'vitest'
import { documents, readPage, sentencesOf } from './pages.ts'

/** A longer sentence says two things; names in it count as words, too. */
const mostWords = 30

const words = (sentence: string): number => sentence.split(' ').length

describe.each(documents)('%s', (file) => {
  const { paragraphs } = readPage(file)

  test('has one sentence a line', () => {
    const other = paragraphs.filter((lines) => sentencesOf(lines.join(' ')).length !== lines.length)
    expect(other).toEqual([])
  })

  test(`has no sentence of more than ${mostWords} words`, () => {
    const long = paragraphs
      .flatMap((lines) => sentencesOf(lines.join(' ')))
      .filter((sentence) => words(sentence) > mostWords)
    expect(long).toEqual([])
  })
})
