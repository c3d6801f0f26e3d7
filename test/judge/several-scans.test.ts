/** A scan for each group or recipient: what it finds counts for whom it was made, and no one else. */
import { expect, test } from 'vitest'
import { judgementOf } from '../../src/judge/several-scans.ts'
import type { Findings } from '../../src/verdict/judgement.ts'
import type { Policy } from '../../src/verdict/policy.ts'
import { wantedOf } from '../../src/verdict/wanted.ts'
import type { JudgedRecipient } from '../../src/judge/judge.ts'

const of = (index: number): JudgedRecipient => ({
  index,
  address: `${index}@x.test`,
  group: '',
  policy: 'p',
})
const scan = (members: readonly number[], symbols: readonly string[], score: number) => ({
  members: members.map(of),
  symbols,
  said: { score },
})

const findings = (notAbout?: ReadonlySet<number>): Findings => ({
  all: [
    {
      judge: 'rspamd',
      judgement: judgementOf([scan([0], ['A'], 9), scan([1, 2], ['B'], 1)]),
      onFailure: 'accept',
      weighs: true,
      ...(notAbout === undefined ? {} : { notAbout }),
    },
  ],
  revision: [],
})

const wanted = (index: number, policy: Partial<Policy>, about = findings()): string =>
  wantedOf(
    about,
    { index, policy: { name: 'p', neverDefer: false, ...policy } },
    { sender: 's@x.test' },
  ).verdict

test.each([
  ['rejectSymbols', 'reject'],
  ['tagSymbols', 'tag'],
] as const)('%s: by the symbols of one’s own scan', (key, verdict) => {
  const all = (symbol: string): string[] =>
    [0, 1, 2].map((index) => wanted(index, { [key]: new Set([symbol]) }))
  expect(all('A')).toEqual([verdict, 'accept', 'accept'])
  expect(all('B')).toEqual(['accept', verdict, verdict])
})

test('acceptSymbols: nobody is spared by what was found for another', () => {
  const policy = { acceptSymbols: new Set(['B']), rejectAt: 5 }
  expect(wanted(0, policy)).toBe('reject')
  expect(wanted(0, { ...policy, acceptSymbols: new Set(['A']) })).toBe('accept')
})

test('who was kept from the judge has none of its symbols', () => {
  const policy = { rejectSymbols: new Set(['A']) }
  expect(wanted(0, policy, findings(new Set([0])))).toBe('accept')
})
