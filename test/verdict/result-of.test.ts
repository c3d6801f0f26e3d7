/** What a judgement is counted as. */
import { expect, test } from 'vitest'
import { checkEdits } from '../../src/message/edits.ts'
import { type Judgement, resultOf } from '../../src/verdict/judgement.ts'

const edits = checkEdits([{ do: 'add', name: 'X-A', value: ' b' }])
if ('failed' in edits) throw new Error(edits.failed)
const judged = { kind: 'judged', symbols: [] } as const

test.each<[string, Judgement, ReturnType<typeof resultOf>]>([
  ['a score', { ...judged, score: 1 }, 'scored'],
  ['a score with an opinion', { ...judged, score: 1, opinion: { verdict: 'tag' } }, 'scored'],
  ['an opinion alone', { ...judged, opinion: { verdict: 'reject' } }, 'forced'],
  [
    'an opinion about one recipient',
    { ...judged, own: new Map([[0, { opinion: { verdict: 'reject' } }]]) },
    'forced',
  ],
  ['changes alone', { ...judged, edits }, 'silent'],
  ['nothing', { kind: 'silent' }, 'silent'],
  ['no judgement', { kind: 'failed', why: 'away' }, 'failed'],
])('%s', (_name, judgement, result) => {
  expect(resultOf(judgement)).toBe(result)
})
