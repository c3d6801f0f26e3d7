import fc from 'fast-check'
import { expect, test } from 'vitest'
import { plainPolicy, policyOf, withoutRefusals } from '../../src/policy/policy-values.ts'
import type { PolicyValues } from '../../src/policy/policy-source.ts'

const said = (values: Omit<PolicyValues, 'kind'>): PolicyValues => ({ kind: 'values', ...values })
const others = { tagAt: 6, rejectAt: 15, neverDefer: false }
const careful = { name: 'row', others }

test('what is said stands over what others say, and nothing else of theirs is lost', () =>
  expect(policyOf(said({ tagAt: 3, quarantineAt: 9 }), careful)).toEqual({
    ok: true,
    value: { name: 'row', tagAt: 3, quarantineAt: 9, rejectAt: 15, neverDefer: false },
  }))

test('a threshold that others have, and that contradicts what is said, is no mistake', () =>
  expect(policyOf(said({ tagAt: 20 }), careful)).toMatchObject({
    ok: true,
    value: { tagAt: 20, rejectAt: 15 },
  }))

test('each threshold that is below the one before it is told', () =>
  expect(policyOf(said({ tagAt: 9, quarantineAt: 8, rejectAt: 7 }), careful)).toEqual({
    ok: false,
    mistakes: [
      { key: 'quarantine_at', why: 'got 8, expected at least tag_at, which is 9' },
      { key: 'reject_at', why: 'got 7, expected at least quarantine_at, which is 8' },
    ],
  }))

test('`never_reject` and a refusal contradict each other only where both are said', () => {
  expect(policyOf(said({ neverReject: true, rejectAt: 8 }), careful)).toEqual({
    ok: false,
    mistakes: [{ key: 'reject_at', why: 'contradicts never_reject; leave one of them out' }],
  })
  expect(
    policyOf(said({ neverReject: true, scorers: { spamd: { deferAt: 8 } } }), careful),
  ).toMatchObject({ mistakes: [{ key: 'spamd.defer_at' }] })
  expect(policyOf(said({ neverReject: true }), careful)).toEqual({
    ok: true,
    value: { name: 'row', tagAt: 6, neverDefer: false, neverReject: true },
  })
  const never = { name: 'row', others: { tagAt: 6, neverDefer: false, neverReject: true } as const }
  expect(policyOf(said({ rejectAt: 8 }), never)).toEqual({
    ok: true,
    value: { name: 'row', tagAt: 6, rejectAt: 8, neverDefer: false },
  })
})

test('who says something of an entry has said it over another list of others', () => {
  const inherited = {
    name: 'row',
    others: { neverDefer: false, refuseSenders: new Set(['@x.example', '*']) },
  }
  expect(policyOf(said({ acceptSenders: ['@x.example'] }), inherited)).toEqual({
    ok: true,
    value: {
      name: 'row',
      neverDefer: false,
      acceptSenders: new Set(['@x.example']),
      refuseSenders: new Set(['*']),
    },
  })
  expect(policyOf(said({ refuseSenders: [] }), inherited)).toEqual({
    ok: true,
    value: { name: 'row', neverDefer: false },
  })
})

test('of `known_senders_only` and `never_reject` the one that is said stands over that of others', () => {
  const basis = (wishes: object) => ({ name: 'row', others: { neverDefer: false, ...wishes } })
  const made = (values: Omit<PolicyValues, 'kind'>, wishes: object): unknown =>
    policyOf(said(values), basis(wishes))
  const is = (wishes: object): unknown => ({
    ok: true,
    value: { name: 'row', neverDefer: false, ...wishes },
  })
  expect(made({}, { knownSendersOnly: true })).toEqual(is({ knownSendersOnly: true }))
  expect(made({ knownSendersOnly: false }, { knownSendersOnly: true })).toEqual(is({}))
  expect(made({ neverReject: true }, { knownSendersOnly: true })).toEqual(is({ neverReject: true }))
  expect(made({ knownSendersOnly: true }, { neverReject: true })).toEqual(
    is({ knownSendersOnly: true }),
  )
})

test.each<[Omit<PolicyValues, 'kind'>, string]>([
  [{ acceptSenders: ['*'], refuseSenders: ['*'] }, 'refuse_senders'],
  [{ rejectSymbols: ['A'], acceptSymbols: ['A'] }, 'accept_symbols'],
  [{ tagSymbols: ['A'], rejectSymbols: ['A'] }, 'tag_symbols'],
  [{ neverReject: true, refuseSenders: ['*'] }, 'refuse_senders'],
  [{ neverReject: true, rejectSymbols: ['A'] }, 'reject_symbols'],
  [{ neverReject: true, knownSendersOnly: true }, 'known_senders_only'],
])('%j contradicts itself', (values, key) =>
  expect(policyOf(said(values), careful)).toMatchObject({ ok: false, mistakes: [{ key }] }),
)

test('thresholds of a further scorer are said, taken over and checked as the first ones are', () => {
  const two = { name: 'row', others: { ...others, scorers: { spamd: { rejectAt: 8 } } } }
  expect(policyOf(said({ scorers: { spamd: { tagAt: 3 } } }), two)).toMatchObject({
    value: { tagAt: 6, rejectAt: 15, scorers: { spamd: { tagAt: 3, rejectAt: 8 } } },
  })
  expect(policyOf(said({ scorers: { spamd: { tagAt: 3, rejectAt: 2 } } }), two)).toEqual({
    ok: false,
    mistakes: [{ key: 'spamd.reject_at', why: 'got 2, expected at least tag_at, which is 3' }],
  })
})

const threshold = fc.option(fc.oneof(fc.double(), fc.constant('never' as const)), {
  nil: undefined,
})
test('whatever numbers are said: a policy has thresholds that rise, or there is a mistake', () =>
  fc.assert(
    fc.property(threshold, threshold, threshold, (tagAt, quarantineAt, rejectAt) => {
      const values = {
        ...(tagAt === undefined ? {} : { tagAt }),
        ...(quarantineAt === undefined ? {} : { quarantineAt }),
        ...(rejectAt === undefined ? {} : { rejectAt }),
      }
      const made = policyOf(said(values), { name: 'row', others: plainPolicy })
      if (!made.ok) return made.mistakes.length > 0
      const { value } = made
      const all = [value.tagAt, value.quarantineAt, value.rejectAt].filter(
        (one) => one !== undefined,
      )
      return all.every((one, i) => Number.isFinite(one) && one >= (all[i - 1] ?? one))
    }),
  ))

test('of two sources: where one says `never_reject`, no threshold of the other refuses', () =>
  expect(
    withoutRefusals({
      name: 'row',
      neverDefer: false,
      neverReject: true,
      tagAt: 6,
      rejectAt: 15,
      knownSendersOnly: true,
      scorers: { spamd: { tagAt: 3, deferAt: 4 } },
    }),
  ).toEqual({
    name: 'row',
    neverDefer: false,
    neverReject: true,
    tagAt: 6,
    scorers: { spamd: { tagAt: 3 } },
  }))
