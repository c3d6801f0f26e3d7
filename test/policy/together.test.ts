/** The mildest and the strictest of several policies, value by value. */
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { together } from '../../src/policy/together.ts'
import type { Policy } from '../../src/verdict/policy.ts'
import { wishFor } from '../../src/verdict/sender-lists.ts'

type Said = Partial<Omit<Policy, 'name'>>

const policy = (said: Said, name = 'one'): Policy => ({ name, neverDefer: false, ...said })

/** Of two policies: the value of each, and what comes out. */
const table: readonly {
  readonly what: string
  readonly of: readonly [Said, Said]
  readonly mildest: Said
  readonly strictest: Said
}[] = [
  {
    what: 'of two thresholds the higher one is the milder',
    of: [{ rejectAt: 8 }, { rejectAt: 15 }],
    mildest: { rejectAt: 15 },
    strictest: { rejectAt: 8 },
  },
  {
    what: 'a threshold that is not there is never reached',
    of: [{ tagAt: 5, rejectAt: 8 }, { rejectAt: 15 }],
    mildest: { rejectAt: 15 },
    strictest: { tagAt: 5, rejectAt: 8 },
  },
  {
    what: 'each threshold for itself',
    of: [
      { tagAt: 2, quarantineAt: 9, deferAt: 10, rejectAt: 11 },
      { tagAt: 4, quarantineAt: 5, deferAt: 6, rejectAt: 20 },
    ],
    mildest: { tagAt: 4, quarantineAt: 9, deferAt: 10, rejectAt: 20 },
    strictest: { tagAt: 2, quarantineAt: 5, deferAt: 6, rejectAt: 11 },
  },
  {
    what: 'thresholds of a judge',
    of: [{ scorers: { rspamd: { rejectAt: 8 } } }, { scorers: { rspamd: { rejectAt: 15 } } }],
    mildest: { scorers: { rspamd: { rejectAt: 15 } } },
    strictest: { scorers: { rspamd: { rejectAt: 8 } } },
  },
  {
    what: 'who never refuses takes away all refusals',
    of: [
      { neverReject: true, tagAt: 5 },
      { tagAt: 6, rejectAt: 8, rejectSymbols: new Set(['VIRUS']) },
    ],
    mildest: { neverReject: true, tagAt: 6 },
    strictest: { tagAt: 5, rejectAt: 8, rejectSymbols: new Set(['VIRUS']) },
  },
  {
    what: 'whom nobody but known senders may write to',
    of: [
      { knownSendersOnly: true, acceptSenders: new Set(['a@x.example', '@y.example']) },
      { knownSendersOnly: true, acceptSenders: new Set(['@y.example']) },
    ],
    mildest: { knownSendersOnly: true, acceptSenders: new Set(['a@x.example', '@y.example']) },
    strictest: { knownSendersOnly: true, acceptSenders: new Set(['@y.example']) },
  },
  {
    what: 'who takes mail of strangers takes it for all',
    of: [{ knownSendersOnly: true }, {}],
    mildest: {},
    strictest: { knownSendersOnly: true },
  },
  {
    what: 'who never refuses does not refuse strangers',
    of: [{ knownSendersOnly: true }, { neverReject: true }],
    mildest: { neverReject: true },
    strictest: { knownSendersOnly: true },
  },
  {
    what: 'who never waits',
    of: [{ neverDefer: true }, {}],
    mildest: { neverDefer: true },
    strictest: {},
  },
  {
    what: 'who waits for no judge',
    of: [{ noGreylisting: true }, {}],
    mildest: { noGreylisting: true },
    strictest: {},
  },
  {
    what: 'senders whom they take',
    of: [{ acceptSenders: new Set(['@a.example', '*']) }, { acceptSenders: new Set(['*']) }],
    mildest: { acceptSenders: new Set(['@a.example', '*']) },
    strictest: { acceptSenders: new Set(['*']) },
  },
  {
    what: 'senders whom they refuse',
    of: [{ refuseSenders: new Set(['@a.example', '*']) }, { refuseSenders: new Set(['*']) }],
    mildest: { refuseSenders: new Set(['*']) },
    strictest: { refuseSenders: new Set(['@a.example', '*']) },
  },
  {
    what: 'a symbol that one refuses and the other marks',
    of: [{ rejectSymbols: new Set(['PHISH']) }, { tagSymbols: new Set(['PHISH']) }],
    mildest: { tagSymbols: new Set(['PHISH']) },
    strictest: { rejectSymbols: new Set(['PHISH']) },
  },
  {
    what: 'a symbol that one takes and the other refuses',
    of: [{ acceptSymbols: new Set(['LIST']) }, { rejectSymbols: new Set(['LIST']) }],
    mildest: { acceptSymbols: new Set(['LIST']) },
    strictest: { rejectSymbols: new Set(['LIST']) },
  },
  {
    what: 'sizes',
    of: [{ maxSizeBytes: 1000 }, { maxSizeBytes: 2000 }],
    mildest: { maxSizeBytes: 2000 },
    strictest: { maxSizeBytes: 1000 },
  },
  {
    what: 'a size that is not there is no limit',
    of: [{ maxSizeBytes: 1000 }, {}],
    mildest: {},
    strictest: { maxSizeBytes: 1000 },
  },
  {
    what: 'words that not all of them have are said of nobody',
    of: [{ rejectText: 'ring me' }, {}],
    mildest: {},
    strictest: {},
  },
  {
    what: 'words that all have stay',
    of: [{ rejectText: 'ring us' }, { rejectText: 'ring us' }],
    mildest: { rejectText: 'ring us' },
    strictest: { rejectText: 'ring us' },
  },
  {
    what: 'who shares with nobody',
    of: [{ group: 'own' }, {}],
    mildest: { group: 'own' },
    strictest: { group: 'own' },
  },
]

describe.each(['mildest', 'strictest'] as const)('the %s', (several) => {
  test.each(table)('$what', ({ of: [one, other], ...expected }) => {
    const made = policy(expected[several], several)
    expect(together([policy(one), policy(other)], several)).toEqual(made)
    expect(together([policy(other), policy(one)], several)).toEqual(made)
  })

  test('a policy that all have stays as it is', () => {
    const same = policy({ rejectAt: 8 })
    expect(together([same, same], several)).toBe(same)
  })
})

const threshold = fc.option(fc.integer({ min: 0, max: 20 }), { nil: undefined })
const senders = fc.uniqueArray(
  fc.constantFrom('*', '@a.example', '@b.example', 'x@a.example', 'y@b.example'),
)
const anyPolicy = fc
  .record({
    at: fc.array(threshold, { minLength: 4, maxLength: 4 }),
    neverReject: fc.boolean(),
    accepted: senders,
    refused: senders,
  })
  .map(({ at, neverReject, accepted, refused }): Policy => {
    const fields = ['tagAt', 'quarantineAt', ...(neverReject ? [] : ['deferAt', 'rejectAt'])]
    const acceptSenders = new Set(accepted)
    const refuseSenders = new Set(neverReject ? [] : refused).difference(acceptSenders)
    const values = fields.flatMap((field, i) => (at[i] === undefined ? [] : [[field, at[i]]]))
    const thresholds = Object.fromEntries(values) as Said
    return policy({
      ...thresholds,
      acceptSenders,
      refuseSenders,
      ...(neverReject && { neverReject }),
    })
  })
const several = fc.array(anyPolicy, { minLength: 1, maxLength: 4 })
const isSome = <One>(list: readonly One[]): list is [One, ...One[]] => list.length > 0

/** Which of the thresholds a score reaches, the strictest. */
const strictness = (of: Policy, score: number): number =>
  [of.tagAt, of.quarantineAt, of.deferAt, of.rejectAt].findLastIndex(
    (at) => at !== undefined && score >= at,
  )

test("nobody loses mail to another's wish: the mildest does to no message more than any would", () => {
  fc.assert(
    fc.property(several, fc.integer({ min: 0, max: 20 }), (policies, score) => {
      if (!isSome(policies)) return
      const mildest = together(policies, 'mildest')
      for (const each of policies)
        expect(strictness(mildest, score)).toBeLessThanOrEqual(strictness(each, score))
    }),
  )
})

test('the mildest refuses a sender only where all refuse', () => {
  const sender = fc.constantFrom('', 'x@a.example', 'y@a.example', 'y@b.example', 'z@c.example')
  fc.assert(
    fc.property(several, sender, (policies, from) => {
      if (!isSome(policies) || wishFor(together(policies, 'mildest'), from) !== 'refuse') return
      for (const each of policies) expect(wishFor(each, from)).toBe('refuse')
    }),
  )
})
