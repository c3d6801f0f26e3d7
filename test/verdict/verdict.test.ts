import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { groupOf, type Policy } from '../../src/verdict/policy.ts'
import { type Revision, onTop } from '../../src/message/edits.ts'
import { type Granted, parcelsOf } from '../../src/verdict/parcels.ts'
import { decide, grant, type Verdict } from '../../src/verdict/verdict.ts'

const policy = (tagAt?: number, quarantineAt?: number, rejectAt?: number): Policy => ({
  name: 'p',
  neverDefer: false,
  ...(tagAt === undefined ? {} : { tagAt }),
  ...(quarantineAt === undefined ? {} : { quarantineAt }),
  ...(rejectAt === undefined ? {} : { rejectAt }),
})

describe('decide: score x policy', () => {
  test.each<[number, Policy, Verdict]>([
    [100, policy(), 'accept'],
    [4.99, policy(5, 8, 15), 'accept'],
    [5, policy(5, 8, 15), 'tag'],
    [8, policy(5, 8, 15), 'quarantine'],
    [15, policy(5, 8, 15), 'reject'],
    [15, policy(undefined, undefined, 15), 'reject'],
    [-3, policy(-5), 'tag'],
    [9, policy(5, 5, 5), 'reject'],
  ])('%d', (score, wanted, verdict) => expect(decide(score, wanted).verdict).toBe(verdict))
})

describe('grant: several who share one answer', () => {
  test.each<[Verdict[], 'each' | 'lenient' | 'off', 'tag' | 'quarantine', Verdict[]]>([
    [['accept', 'reject'], 'each', 'tag', ['accept', 'reject']],
    [['accept', 'tag', 'quarantine'], 'lenient', 'tag', ['accept', 'tag', 'quarantine']],
    [['reject', 'reject'], 'lenient', 'tag', ['reject', 'reject']],
    [['accept', 'reject'], 'lenient', 'tag', ['accept', 'tag']],
    [['quarantine', 'reject'], 'lenient', 'quarantine', ['quarantine', 'quarantine']],
    [['tag', 'reject'], 'off', 'tag', ['tag', 'tag']],
    [['accept', 'reject'], 'off', 'tag', ['accept', 'accept']],
    [['reject', 'reject'], 'off', 'tag', ['reject', 'reject']],
    [['reject', 'defer'], 'lenient', 'tag', ['tag', 'tag']],
    [['accept', 'defer'], 'lenient', 'tag', ['accept', 'tag']],
    [['reject', 'defer'], 'off', 'tag', ['quarantine', 'quarantine']],
    [['defer', 'defer'], 'off', 'tag', ['defer', 'defer']],
    [['accept', 'defer'], 'off', 'tag', ['accept', 'accept']],
    [['defer', 'defer'], 'lenient', 'tag', ['defer', 'defer']],
  ])('%j, %s', (wanted, sharing, instead, granted) =>
    expect(grant(wanted, sharing, instead)).toEqual(granted),
  )

  test('where answers are shared, no 5yz stands beside a 250', () => {
    const verdict = fc.constantFrom<Verdict>('accept', 'tag', 'quarantine', 'reject')
    fc.assert(
      fc.property(
        fc.array(verdict, { minLength: 1 }),
        fc.constantFrom('lenient' as const, 'off' as const),
        (wanted, sharing) => {
          const granted = grant(wanted, sharing, 'tag')
          expect(granted).toHaveLength(wanted.length)
          expect(new Set(granted.map((one) => one === 'reject')).size).toBe(1)
          if (granted[0] === 'reject') expect(wanted.every((one) => one === 'reject')).toBe(true)
        },
      ),
    )
  })

  test('100,000 recipients', () => {
    expect(
      grant(
        Array.from({ length: 100_000 }, () => 'reject' as const),
        'off',
        'tag',
      )[99_999],
    ).toBe('reject')
  })
})

describe('parcels: one transaction a distinct text, never more', () => {
  test('by result, in the order of recipients', () => {
    const granted = (['tag', 'accept', 'reject', 'tag', 'quarantine', 'defer'] as const).map(
      (verdict, index) => ({ index, verdict, score: 7, revision: [] }),
    )
    expect(parcelsOf(granted)).toEqual([
      { result: 'tagged', recipients: [0, 3], score: 7, revision: [] },
      { result: 'plain', recipients: [1], revision: [] },
      { result: 'quarantined', recipients: [4], score: 7, revision: [] },
    ])
    expect(parcelsOf([])).toEqual([])
  })

  test('who is thrown away, refused or deferred is in none', () => {
    const granted = (['discard', 'reject', 'defer'] as const).map((verdict, index) => ({
      index,
      verdict,
      revision: [],
    }))
    expect(parcelsOf(granted)).toEqual([])
  })

  test('equal edits are one parcel, whoever made them, and so are equal marks', () => {
    const of = (value: string): Revision => [[onTop([{ name: 'X-A', value }])]]
    const granted: Granted[] = [
      { index: 0, verdict: 'accept', revision: of(' 1'), score: 1 },
      { index: 1, verdict: 'accept', revision: of(' 2'), score: 1 },
      { index: 2, verdict: 'accept', revision: of(' 1'), score: 2 },
      { index: 3, verdict: 'tag', revision: of(' 1'), score: 1 },
      { index: 4, verdict: 'tag', revision: of(' 1'), score: 2 },
      { index: 5, verdict: 'tag', revision: of(' 1'), score: 1 },
    ]
    expect(parcelsOf(granted).map(({ recipients }) => recipients)).toEqual([
      [0, 2],
      [1],
      [3, 5],
      [4],
    ])
  })

  test('by group', () => {
    const granted = ['a', 'b', 'a'].map((group, index): Granted => ({
      index,
      group,
      verdict: 'accept',
      revision: [],
    }))
    expect(parcelsOf(granted).map((parcel) => parcel.recipients)).toEqual([[0, 2], [1]])
  })
})

describe('who can share an answer', () => {
  const message = { address: 'a@example.org', sender: 'sender@example.net' }
  const groupFor = (wishes: Partial<Policy>, address = message.address): string =>
    groupOf({ ...policy(5, 8, 15), ...wishes }, { ...message, address })

  test('who says the same of this message, whatever the name', () => {
    const equal: Partial<Policy>[] = [
      {},
      { name: 'other', neverDefer: true },
      { rejectText: 'Call us' },
      { maxSizeBytes: 1000 },
      { acceptSenders: new Set(['@else.example']) },
      { refuseSenders: new Set(['someone@example.net']) },
    ]
    expect(new Set(equal.map((wishes) => groupFor(wishes))).size).toBe(1)
  })

  test('who accepts this sender, whatever the thresholds', () =>
    expect(groupFor({ acceptSenders: new Set(['@example.net']) })).toBe(
      groupFor({ acceptSenders: new Set(['*']), tagAt: 1, rejectAt: 2, quarantineAt: 1 }),
    ))

  test('who knows this sender, whether others may write or not', () => {
    const acceptSenders = new Set(['@example.net'])
    expect(groupFor({ acceptSenders })).toBe(groupFor({ acceptSenders, knownSendersOnly: true }))
    const others = new Set(['@else.example'])
    expect(groupFor({ knownSendersOnly: true })).toBe(
      groupFor({ knownSendersOnly: true, acceptSenders: others }),
    )
  })

  test('of a report to the null path, who knows some senders only', () => {
    const report = { address: 'a@example.org', sender: '' }
    expect(groupOf({ ...policy(5), knownSendersOnly: true }, report)).toBe(
      groupOf(policy(5), report),
    )
  })

  test('nobody else', () => {
    const list = new Set(['A'])
    const others: Partial<Policy>[] = [
      {},
      { tagAt: 4 },
      { deferAt: 9 },
      { rejectAt: 20 },
      { scorers: { spamd: { tagAt: 5 } } },
      { scorers: { headers: { tagAt: 5 } } },
      { neverReject: true },
      { noGreylisting: true },
      { rejectSymbols: list },
      { tagSymbols: list },
      { acceptSymbols: list },
      { acceptSenders: new Set(['*']) },
      { acceptSenders: new Set(['*']), noGreylisting: true },
      { knownSendersOnly: true },
      { group: 'own' },
    ]
    expect(new Set(others.map((wishes) => groupFor(wishes))).size).toBe(others.length)
    expect(groupFor({ group: 'own' })).not.toBe(groupFor({ group: 'own' }, 'b@example.org'))
  })
})
