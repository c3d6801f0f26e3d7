import { expect, test } from 'vitest'
import { usable } from '../../../src/backend/wire/offers.ts'

const of = (...keywords: string[]): Map<string, string> =>
  new Map(keywords.map((keyword) => [keyword, '']))

test.each<[string, string[], boolean, string[]]>([
  [
    'all of it',
    ['DSN', 'CHUNKING', 'BINARYMIME', 'REQUIRETLS'],
    true,
    ['DSN', 'CHUNKING', 'BINARYMIME', 'REQUIRETLS'],
  ],
  ['REQUIRETLS of nobody known', ['DSN', 'REQUIRETLS'], false, ['DSN']],
  ['BINARYMIME without BDAT', ['DSN', 'BINARYMIME'], true, ['DSN']],
  ['neither', ['BINARYMIME', 'REQUIRETLS'], false, []],
  ['nothing of the kind', ['DSN', 'CHUNKING'], false, ['DSN', 'CHUNKING']],
])('%s', (_name, offered, verified, kept) =>
  expect([...usable(of(...offered), verified).keys()]).toEqual(kept),
)
