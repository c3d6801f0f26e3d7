/** How a page is cut into what a test can quote. */
import { expect, test } from 'vitest'
import { plain, sentencesOf } from './pages.ts'

test.each([
  ['One thing. Another thing.', ['One thing.', 'Another thing.']],
  ['It is `451 4.5.3`. `late` does so, too.', ['It is 451 4.5.3.', 'late does so, too.']],
  ['**Measured.** So it is.', ['Measured.', 'So it is.']],
  [
    'RFC 5321 4.5.3.1.8 wants 100.5 of them, e.g. Exim does.',
    ['RFC 5321 4.5.3.1.8 wants 100.5 of them, e.g. Exim does.'],
  ],
  ['See [limits](limits.md#x). Then go on', ['See limits.', 'Then go on']],
  ['It ends. [limits.md](limits.md) has more.', ['It ends.', 'limits.md has more.']],
  ['Two\nlines of one sentence.', ['Two lines of one sentence.']],
])('%j', (text, sentences) => expect(sentencesOf(text)).toEqual(sentences))

test('markup is no part of a quote', () =>
  expect(plain('a **bold**  `code`\n[link](https://x.test/)')).toBe('a bold code link'))
