import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { longestWords } from '../../../src/judge/said.ts'
import { mostSymbols, readAnswer, type Scan } from '../../../src/judge/rspamd/answer.ts'

const read = (answer: unknown): Scan | { readonly failed: string } =>
  readAnswer(Buffer.from(JSON.stringify(answer)))

const plain = { score: 2.5, required_score: 15, action: 'no action', symbols: {}, messages: {} }
const says = (smtp_message: string): object => ({ messages: { smtp_message } })

describe('what rspamd says', () => {
  it('a score, and its symbols by weight', () => {
    const symbols = {
      LIGHT: { name: 'LIGHT', score: 0.1 },
      GOOD: { name: 'GOOD', score: -5 },
      BAD: { name: 'BAD', score: 3 },
    }
    expect(read({ ...plain, symbols, time_real: 0.25 })).toEqual({
      score: 2.5,
      symbols: ['GOOD', 'BAD', 'LIGHT'],
      action: 'no action',
      edits: [],
      seconds: 0.25,
    })
  })

  it.each<[string, object, Scan['forced']]>([
    ['a score alone', { action: 'add header', score: 7 }, undefined],
    ['a score above its own threshold', { action: 'reject', score: 16 }, undefined],
    ['greylist alone: the module is off', { action: 'greylist', score: 4 }, undefined],
    [
      'reject with score 0 (antivirus)',
      { action: 'reject', score: 0, ...says('virus') },
      { action: 'reject', words: 'virus' },
    ],
    [
      'GTUBE, whose score fits',
      { action: 'reject', score: 15, is_skipped: true, ...says('Gtube pattern') },
      { action: 'reject', words: 'Gtube pattern' },
    ],
    [
      'a module that newer versions name',
      { action: 'reject', score: 99, passthrough_module: 'multimap' },
      { action: 'reject' },
    ],
    [
      'soft reject: greylisting, rate limit',
      { action: 'soft reject', score: 0, ...says('Try again later') },
      { action: 'defer', words: 'Try again later' },
    ],
    [
      'greylist with words: the module, told to say so (action = "greylist")',
      { action: 'greylist', score: 4, ...says('Try again later') },
      { action: 'defer', words: 'Try again later' },
    ],
    ['greylist by its score alone', { action: 'greylist', score: 4 }, undefined],
    ['discard', { action: 'discard', score: 0 }, { action: 'discard' }],
    ['quarantine', { action: 'quarantine', score: 3 }, { action: 'quarantine' }],
    ['a mark that was forced', { action: 'add header', score: 0, ...says('x') }, { action: 'tag' }],
    [
      'discard by the milter block',
      { action: 'reject', score: 0, milter: { reject: 'discard' } },
      { action: 'discard' },
    ],
  ])('%s', (_name, answer, forced) => {
    const said = read({ ...plain, ...answer })
    expect('failed' in said ? said : said.forced).toEqual(forced)
  })

  it('edits: removals first, places, several values, folds, the subject', () => {
    const milter = {
      add_headers: {
        'X-Added': 'one',
        'X-Twice': ['a', { value: 'b', order: -1 }],
        'X-Top': { value: 'up', order: 0 },
        'X-Folded': 'first\n second\r\n\tthird\nfourth\n\n',
      },
      remove_headers: { 'X-All': 0, 'X-Some': [2, -1] },
    }
    const said = read({ ...plain, action: 'rewrite subject', subject: '[spam] ü', milter })
    expect('failed' in said ? said : said.edits).toEqual([
      { do: 'remove', name: 'X-All', nth: 0 },
      { do: 'remove', name: 'X-Some', nth: 2 },
      { do: 'remove', name: 'X-Some', nth: -1 },
      { do: 'change', nth: 1, name: 'Subject', value: ' [spam] \xc3\xbc' },
      { do: 'add', name: 'X-Added', value: ' one' },
      { do: 'add', name: 'X-Twice', value: ' a' },
      { do: 'add', name: 'X-Twice', value: ' b' },
      { do: 'insert', at: 0, name: 'X-Top', value: ' up' },
      { do: 'add', name: 'X-Folded', value: ' first\r\n second\r\n\tthird\r\n\tfourth' },
    ])
  })

  it('words for a sender stay on one line, are octets, and end', () => {
    const said = read({
      ...plain,
      action: 'soft reject',
      ...says(`a\r\n250 b\u4e0d\u4e0a${'x'.repeat(999)}`),
    })
    const words = 'failed' in said ? '' : (said.forced?.words ?? '')
    expect(words).toMatch(/^a 250 b[\x20-\xff]+$/)
    expect(words).toHaveLength(longestWords)
  })

  it('at most so many symbols', () => {
    const symbols = Object.fromEntries(
      Array.from({ length: 500 }, (_, i) => [`S${i}`, { score: i }]),
    )
    const said = read({ ...plain, symbols })
    expect('failed' in said ? [] : said.symbols).toHaveLength(mostSymbols)
  })

  it.each<[string, string]>([
    ['', 'no JSON'],
    ['{"score": 1, "action": "no act', 'no JSON'],
    ['<html>', 'no JSON'],
    ['[]', 'no object'],
    ['null', 'no object'],
    ['{}', 'no score'],
    ['{"score": "7", "action": "no action"}', 'no score'],
    ['{"score": 1e999, "action": "no action"}', 'no score'],
    ['{"score": 7}', 'no action'],
    ['{"error": "Unauthorized"}', 'it says: Unauthorized'],
  ])('%j is a failure: %s', (body, why) => {
    expect(readAnswer(Buffer.from(body))).toEqual({
      failed: expect.stringContaining(why) as string,
    })
  })

  it('property: any JSON is an answer or a failure, and never a throw', () => {
    const shaken = fc.record(
      {
        score: fc.oneof(fc.double(), fc.jsonValue()),
        action: fc.oneof(fc.constantFrom('reject', 'soft reject', 'add header'), fc.jsonValue()),
        required_score: fc.jsonValue(),
        symbols: fc.oneof(fc.dictionary(fc.string(), fc.jsonValue()), fc.jsonValue()),
        messages: fc.oneof(fc.record({ smtp_message: fc.jsonValue() }), fc.jsonValue()),
        milter: fc.oneof(
          fc.record({
            add_headers: fc.dictionary(fc.string(), fc.jsonValue()),
            remove_headers: fc.dictionary(fc.string(), fc.jsonValue()),
            reject: fc.jsonValue(),
          }),
          fc.jsonValue(),
        ),
        subject: fc.jsonValue(),
        time_real: fc.jsonValue(),
        is_skipped: fc.jsonValue(),
      },
      { requiredKeys: [] },
    )
    fc.assert(
      fc.property(shaken, (answer) => {
        const said = read(answer)
        if ('failed' in said) return
        expect(Number.isFinite(said.score)).toBe(true)
        for (const text of [said.action, said.forced?.words ?? '', ...said.symbols])
          expect(text).not.toMatch(/[\r\n\0]|[^\0-\xff]/)
      }),
      { numRuns: 2000 },
    )
  })
})
