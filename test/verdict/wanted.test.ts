/** What a recipient gets, over all that a policy can say and all that judges can find. */
import fc from 'fast-check'
import { expect, test } from 'vitest'
import {
  type Finding,
  type Findings,
  type Judgement,
  symbolsOf,
} from '../../src/verdict/judgement.ts'
import type { Policy, Thresholds } from '../../src/verdict/policy.ts'
import { ownReason, reasonWords } from '../../src/verdict/reason.ts'
import { wishFor } from '../../src/verdict/sender-lists.ts'
import { decide, type Verdict } from '../../src/verdict/verdict.ts'
import { stands, wantedOf } from '../../src/verdict/wanted.ts'
import { runs } from '../support/properties.ts'

const fromMild = ['accept', 'tag', 'quarantine', 'discard', 'defer', 'reject'] as const
const atLeast = (one: Verdict, other: Verdict): boolean =>
  fromMild.indexOf(one) >= fromMild.indexOf(other)

const score = fc.integer({ min: 0, max: 20 })
const symbol = fc.constantFrom('A', 'B', 'C')
const symbols = fc.uniqueArray(symbol)
const maybe = <T>(arbitrary: fc.Arbitrary<T>) => fc.option(arbitrary, { nil: undefined })
const present = <T extends object>(fields: T): T =>
  Object.fromEntries(Object.entries(fields).filter(([, value]) => value !== undefined)) as T
const thresholds: fc.Arbitrary<Thresholds> = fc
  .record({
    tagAt: maybe(score),
    quarantineAt: maybe(score),
    deferAt: maybe(score),
    rejectAt: maybe(score),
  })
  .map((fields) => present(fields) as Thresholds)
const set = (of: fc.Arbitrary<string>) => maybe(fc.uniqueArray(of).map((all) => new Set(all)))
const senders = fc.constantFrom('*', '@x.example', 'a@x.example')
const policies = fc
  .record({
    wishes: thresholds,
    spamd: maybe(thresholds),
    neverReject: maybe(fc.constant(true as const)),
    noGreylisting: maybe(fc.constant(true as const)),
    rejectSymbols: set(symbol),
    tagSymbols: set(symbol),
    acceptSymbols: set(symbol),
    acceptSenders: set(senders),
    refuseSenders: set(senders),
    knownSendersOnly: maybe(fc.constant(true as const)),
    maxSizeBytes: maybe(fc.integer({ min: 1, max: 100 })),
  })
  .map(({ wishes, spamd, ...others }): Policy => {
    const scorers = spamd === undefined ? undefined : { spamd }
    const policy = { name: 'p', neverDefer: false, ...wishes, ...present({ ...others, scorers }) }
    return policy as Policy
  })

const judgements: fc.Arbitrary<Judgement> = fc.oneof(
  fc.constant<Judgement>({ kind: 'silent' }),
  fc.constant<Judgement>({ kind: 'failed', why: 'away' }),
  fc
    .record({
      score: maybe(score),
      symbols,
      opinion: maybe(fc.constantFrom(...fromMild).map((verdict) => ({ verdict }))),
    })
    .map((said): Judgement => ({ kind: 'judged', ...present(said) }) as Judgement),
)
const findings = fc.array(
  fc.record({ judgement: judgements, onFailure: fc.constantFrom('accept', 'tag', 'defer') }),
  { maxLength: 3 },
)
const found = (all: readonly { judgement: Judgement; onFailure: string }[]): Findings => ({
  all: all.map(({ judgement, onFailure }, i): Finding => ({
    judge: ['rspamd', 'spamd', 'headers'][i] ?? '',
    judgement,
    onFailure: onFailure as Finding['onFailure'],
    weighs: i === 0,
  })),
  revision: [],
})
const sender = fc.constantFrom('a@x.example', 'b@x.example', 'c@y.example', '')
const size = fc.integer({ min: 1, max: 100 })

const opinionsOf = ({ all }: Findings): Verdict[] =>
  all.flatMap(({ judgement }) =>
    judgement.kind === 'judged' && judgement.opinion !== undefined
      ? [judgement.opinion.verdict]
      : [],
  )

test('whatever a policy says: what a judge forces is kept, but for who says otherwise', () =>
  fc.assert(
    fc.property(policies, findings, sender, size, (policy, all, from, sizeBytes) => {
      const judged = found(all)
      const message = { sender: from, sizeBytes }
      const { verdict } = wantedOf(judged, { index: 0, policy }, message)
      for (const forced of opinionsOf(judged)) {
        const refused = forced === 'reject' || forced === 'discard'
        if (forced === 'defer' && policy.noGreylisting === true) continue
        expect(atLeast(verdict, policy.neverReject === true && refused ? 'tag' : forced)).toBe(true)
      }
    }),
    { numRuns: runs(2000) },
  ))

test('what a judge forces stands also where a stricter wish gives way to those of others', () =>
  fc.assert(
    fc.property(policies, findings, sender, size, (policy, all, from, sizeBytes) => {
      const judged = found(all)
      const wanted = wantedOf(judged, { index: 0, policy }, { sender: from, sizeBytes })
      const left = stands(wanted) ? wanted : wanted.atLeast
      for (const forced of opinionsOf(judged)) {
        const refused = forced === 'reject' || forced === 'discard'
        if (forced === 'defer' && policy.noGreylisting === true) continue
        const least = policy.neverReject === true && refused ? 'tag' : forced
        expect(atLeast(left?.verdict ?? 'accept', least)).toBe(true)
      }
    }),
    { numRuns: runs(2000) },
  ))

test('whatever judges find: who is not refused by what the policy says of itself, and says `never_reject`, is not refused', () =>
  fc.assert(
    fc.property(policies, findings, sender, (policy, all, from) => {
      const { tagAt, quarantineAt, acceptSenders, acceptSymbols } = policy
      const mild: Policy = {
        name: 'p',
        neverDefer: false,
        neverReject: true,
        ...present({ tagAt, quarantineAt, acceptSenders, acceptSymbols }),
      } as Policy
      const { verdict } = wantedOf(found(all), { index: 0, policy: mild }, { sender: from })
      expect(['reject', 'discard']).not.toContain(verdict)
    }),
    { numRuns: runs(2000) },
  ))

test('`known_senders_only`: a stranger gets nothing through, and nobody else loses anything to it', () =>
  fc.assert(
    fc.property(policies, findings, sender, (said, all, from) => {
      const usual = { ...said, neverReject: undefined, knownSendersOnly: undefined }
      const policy = present(usual) as unknown as Policy
      const judged = found(all)
      const wanted = (more: Partial<Policy>) =>
        wantedOf(judged, { index: 0, policy: { ...policy, ...more } }, { sender: from })
      const symbolsGiven = new Set(symbolsOf(judged))
      const isKnown =
        wishFor(policy, from) === 'accept' ||
        [...(policy.acceptSymbols ?? [])].some((one) => symbolsGiven.has(one))
      const failed = judged.all.some(({ judgement }) => judgement.kind === 'failed')
      if (from === '' || failed || isKnown)
        expect(wanted({ knownSendersOnly: true })).toEqual(wanted({}))
      else expect(wanted({ knownSendersOnly: true }).verdict).toBe('reject')
    }),
    { numRuns: runs(2000) },
  ))

test('with nothing but thresholds the verdict is what the first score reaches', () =>
  fc.assert(
    fc.property(thresholds, score, (wishes, its) => {
      const policy: Policy = { name: 'p', neverDefer: false, ...wishes }
      const judged = found([
        { judgement: { kind: 'judged', score: its, symbols: [] }, onFailure: 'accept' },
      ])
      const { verdict, reason } = wantedOf(judged, { index: 0, policy }, { sender: '' })
      expect({ verdict, reason }).toEqual(decide(its, policy))
    }),
  ))

test('every verdict has a reason of the closed set', () =>
  fc.assert(
    fc.property(policies, findings, sender, size, (policy, all, from, sizeBytes) => {
      const message = { sender: from, sizeBytes }
      const { reason } = wantedOf(found(all), { index: 0, policy }, message)
      const own = ownReason(reason)?.because ?? ''
      expect(own in reasonWords || own.endsWith('_at')).toBe(true)
    }),
    { numRuns: runs(1000) },
  ))
