/**
 * The mildest and the strictest of several policies: what becomes of a message, by each key that a
 * policy can have.
 */
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { openPostmaster } from '../../src/policy/postmaster.ts'
import { type Several, together } from '../../src/policy/together.ts'
import type { Judgement } from '../../src/verdict/judgement.ts'
import { groupOf, type Policy, wishBeforeText } from '../../src/verdict/policy.ts'
import type { Verdict } from '../../src/verdict/verdict.ts'
import { stands, type Wanted, wantedOf } from '../../src/verdict/wanted.ts'
import { runs } from '../support/properties.ts'

type Said = Partial<Omit<Policy, 'name'>>

const policy = (said: Said, name = 'one'): Policy => ({ name, neverDefer: false, ...said })

interface Mail {
  readonly sender?: string
  readonly sizeBytes?: number
  readonly score?: number
  /** Of a judge that does not weigh. */
  readonly spamd?: number
  readonly symbols?: readonly string[]
  readonly forced?: Verdict | undefined
}

/** What a recipient with this policy wants of it. */
function wanted(of: Policy, mail: Mail): Wanted {
  const { sender = 's@x.example', sizeBytes = 10, score = 0, spamd, symbols = [], forced } = mail
  const said: Judgement =
    forced === undefined
      ? { kind: 'judged', symbols, score }
      : { kind: 'judged', symbols, opinion: { verdict: forced } }
  const one = { onFailure: 'accept', weighs: true } as const
  const all = [
    { ...one, judge: 'rspamd', judgement: said },
    ...(spamd === undefined
      ? []
      : [
          {
            ...one,
            weighs: false,
            judge: 'spamd',
            judgement: { kind: 'judged', symbols: [], score: spamd } as const,
          },
        ]),
  ]
  return wantedOf({ all, revision: [] }, { index: 0, policy: of }, { sender, sizeBytes })
}

const known = (...names: readonly string[]): Said => ({
  knownSendersOnly: true,
  acceptSenders: new Set(names),
})

/** Two policies, a message, and what becomes of it with the mildest and the strictest of them. */
const table: readonly (readonly [
  what: string,
  of: readonly [Said, Said],
  mail: Mail,
  mildest: Verdict,
  strictest: Verdict,
])[] = [
  ['of two thresholds one', [{ rejectAt: 8 }, { rejectAt: 15 }], { score: 9 }, 'accept', 'reject'],
  ['no threshold', [{ tagAt: 5, rejectAt: 8 }, {}], { score: 9 }, 'accept', 'reject'],
  ['a mark and a refusal', [{ rejectAt: 8 }, { tagAt: 5 }], { score: 9 }, 'tag', 'reject'],
  [
    'set aside, put off',
    [{ quarantineAt: 5 }, { deferAt: 5 }],
    { score: 9 },
    'quarantine',
    'defer',
  ],
  [
    "a judge's own thresholds",
    [{ scorers: { spamd: { rejectAt: 8 } } }, { scorers: { spamd: { tagAt: 8 } } }],
    { spamd: 9 },
    'tag',
    'reject',
  ],
  ['never_reject', [{ neverReject: true }, {}], { forced: 'reject' }, 'tag', 'reject'],
  ['no_greylisting', [{ noGreylisting: true }, {}], { forced: 'defer' }, 'accept', 'defer'],
  ['max_size', [{ maxSizeBytes: 5 }, { maxSizeBytes: 20 }], {}, 'accept', 'reject'],
  ['no max_size', [{ maxSizeBytes: 5 }, {}], {}, 'accept', 'reject'],
  [
    'reject_symbols and tag_symbols',
    [{ rejectSymbols: new Set(['A']) }, { tagSymbols: new Set(['A']) }],
    { symbols: ['A'] },
    'tag',
    'reject',
  ],
  [
    'accept_symbols, over a score that only its own policy refuses',
    [{ acceptSymbols: new Set(['A']), rejectAt: 8 }, { rejectAt: 15 }],
    { symbols: ['A'], score: 9 },
    'accept',
    'accept',
  ],
  [
    'accept_senders, over a score that only its own policy refuses',
    [{ acceptSenders: new Set(['*']), rejectAt: 8 }, { rejectAt: 15 }],
    { score: 9 },
    'accept',
    'accept',
  ],
  [
    'accept_senders, over a score that the other refuses',
    [{ acceptSenders: new Set(['*']) }, { rejectAt: 8 }],
    { score: 9 },
    'accept',
    'reject',
  ],
  ['refuse_senders', [{ refuseSenders: new Set(['*']) }, {}], {}, 'accept', 'reject'],
  [
    'refuse_senders with an exception',
    [{ refuseSenders: new Set(['*']), acceptSenders: new Set(['@x.example']) }, {}],
    {},
    'accept',
    'accept',
  ],
  [
    'refuse_senders, each in its own words',
    [{ refuseSenders: new Set(['*']) }, { refuseSenders: new Set(['@x.example']) }],
    {},
    'reject',
    'reject',
  ],
  ['known_senders_only, whom one knows', [known('@x.example'), {}], {}, 'accept', 'accept'],
  [
    'known_senders_only, whom one of two knows',
    [known('@x.example'), known('@y.example')],
    {},
    'accept',
    'reject',
  ],
  [
    'known_senders_only, whom both know, each by another entry',
    [known('@x.example'), known('s@x.example')],
    {},
    'accept',
    'accept',
  ],
  ['known_senders_only, a stranger', [known('@y.example'), {}], {}, 'accept', 'reject'],
  [
    'known_senders_only, a stranger to both',
    [known('@y.example'), known('@z.example')],
    {},
    'reject',
    'reject',
  ],
]

describe.each(['mildest', 'strictest'] as const)('the %s', (which) => {
  test.each(table)('%s', (...[, [one, other], mail, mildest, strictest]) => {
    const expected = which === 'mildest' ? mildest : strictest
    for (const of of [
      [policy(one), policy(other)],
      [policy(other), policy(one)],
    ] as const)
      expect(wanted(together(of, which), mail).verdict).toBe(expected)
  })

  test('a policy that all have stays as it is', () => {
    const same = policy({ rejectAt: 8 })
    expect(together([same, same], which)).toBe(same)
  })
})

describe('recipients.md: what is no answer to a message', () => {
  const rows: readonly (readonly [
    what: string,
    of: readonly [Said, Said],
    mildest: Said,
    strictest: Said,
  ])[] = [
    ['never_defer', [{ neverDefer: true }, {}], { neverDefer: true }, { neverDefer: false }],
    [
      'max_size',
      [{ maxSizeBytes: 1 }, { maxSizeBytes: 2 }],
      { maxSizeBytes: 2 },
      { maxSizeBytes: 1 },
    ],
    ['words of one', [{ rejectText: 'ring me' }, {}], {}, {}],
    [
      'words of all',
      [
        { rejectText: 'ring us', rejectAt: 1 },
        { rejectText: 'ring us', rejectAt: 2 },
      ],
      { rejectText: 'ring us' },
      { rejectText: 'ring us' },
    ],
    ['group', [{ group: 'own' }, {}], { group: 'own' }, { group: 'own' }],
  ]
  test.each(rows)('%s', (_what, [one, other], mildest, strictest) => {
    const of = [policy(one), policy(other)] as const
    expect(together(of, 'mildest')).toEqual({
      ...policy(mildest, 'mildest'),
      several: { which: 'mildest', of },
    })
    expect(together(of, 'strictest')).toEqual({
      ...policy(strictest, 'strictest'),
      several: { which: 'strictest', of },
    })
  })
})

test('rfc 5321 4.5.1: postmaster is open to strangers, also with several mailboxes behind it', async () => {
  const of = together([policy(known('@y.example')), policy(known('@z.example'))], 'strictest')
  const policies = openPostmaster({ policiesFor: () => [{ kind: 'found', policy: of }] })
  const [answer] = await policies.policiesFor(['postmaster'], new AbortController().signal)
  if (answer?.kind !== 'found') throw new Error('no policy')
  expect(wanted(of, {}).verdict).toBe('reject')
  expect(wanted(answer.policy, {}).verdict).toBe('accept')
})

const set = (...of: readonly string[]) =>
  fc.option(
    fc.subarray([...of]).map((some) => new Set(some)),
    { nil: undefined },
  )
const threshold = fc.option(fc.integer({ min: 0, max: 20 }), { nil: undefined })
const flag = fc.constantFrom(true, undefined)
const senders = ['*', '@a.example', '@b.example', 'x@a.example', 'y@b.example'] as const
const anyPolicy = fc
  .record({
    tagAt: threshold,
    quarantineAt: threshold,
    deferAt: threshold,
    rejectAt: threshold,
    maxSizeBytes: fc.option(fc.integer({ min: 1, max: 20 }), { nil: undefined }),
    neverReject: flag,
    noGreylisting: flag,
    knownSendersOnly: flag,
    rejectSymbols: set('A', 'B', 'C'),
    tagSymbols: set('A', 'B', 'C'),
    acceptSymbols: set('A', 'B', 'C'),
    acceptSenders: set(...senders),
    refuseSenders: set(...senders),
  })
  .map((said) =>
    policy(Object.fromEntries(Object.entries(said).filter(([, value]) => value !== undefined))),
  )
const several = fc.array(anyPolicy, { minLength: 1, maxLength: 4 })
const mails: fc.Arbitrary<Mail> = fc.record({
  sender: fc.constantFrom('', 'x@a.example', 'y@a.example', 'y@b.example', 'z@c.example'),
  sizeBytes: fc.integer({ min: 1, max: 20 }),
  score: fc.integer({ min: 0, max: 20 }),
  symbols: fc.subarray(['A', 'B', 'C']),
  forced: fc.constantFrom(undefined, undefined, 'reject', 'defer', 'discard', 'tag'),
})
const fromMild = ['accept', 'tag', 'quarantine', 'discard', 'defer', 'reject'] as const
const strictness = ({ verdict }: Wanted): number => fromMild.indexOf(verdict)
const isSome = <One>(list: readonly One[]): list is [One, ...One[]] => list.length > 0

describe.each(['mildest', 'strictest'] as const)('property: of the %s', (which: Several) => {
  const furthest = which === 'mildest' ? Math.min : Math.max

  test('a message meets with exactly what one of the policies would do, and with no other', () => {
    fc.assert(
      fc.property(several, mails, (policies, mail) => {
        if (!isSome(policies)) return
        const got = wanted(together(policies, which), mail)
        expect(strictness(got)).toBe(
          furthest(...policies.map((each) => strictness(wanted(each, mail)))),
        )
        if (got.atLeast !== undefined) expect(stands(got.atLeast)).toBe(true)
      }),
      { numRuns: runs(500) },
    )
  })

  test('what is refused at RCPT would be refused after the text', () => {
    fc.assert(
      fc.property(several, mails, (policies, mail) => {
        if (!isSome(policies)) return
        const of = together(policies, which)
        const { sender = '' } = mail
        if (wishBeforeText(of, sender) === 'refuse') expect(wanted(of, mail).verdict).toBe('reject')
      }),
      { numRuns: runs(500) },
    )
  })

  test('policies that say the same of a message are one group, one alone or several', () => {
    fc.assert(
      fc.property(anyPolicy, mails, (one, { sender = '' }) => {
        const offered = { address: 'a@example.org', sender }
        const of = together([one, { ...one, name: 'other' }], which)
        expect(groupOf(of, offered)).toBe(groupOf(one, offered))
      }),
      { numRuns: runs(200) },
    )
  })
})
