import { expect, test } from 'vitest'
import type { Policies, PolicyAnswer } from '../../src/policy/policy-source.ts'
import { openPostmaster } from '../../src/policy/postmaster.ts'
import type { Policy } from '../../src/verdict/policy.ts'

const closed: Policy = { name: 'closed', neverDefer: false, tagAt: 5, knownSendersOnly: true }
const open: Policy = { name: 'closed', neverDefer: false, tagAt: 5 }
const failed = { kind: 'failed', source: 'file', why: 'away' } as const
const { signal } = new AbortController()

const addresses = [
  'postmaster@example.org',
  'Postmaster',
  'ann@example.org',
  'postmaster+x@example.org',
  'postmasters@example.org',
]

const of = (answer: PolicyAnswer, later: boolean): Policies => ({
  policiesFor(recipients): ReturnType<Policies['policiesFor']> {
    const answers = recipients.map(() => answer)
    return later ? Promise.resolve(answers) : answers
  },
})

test.each([false, true])('whom strangers may write to (at hand: %j)', async (later) => {
  const policies = openPostmaster(of({ kind: 'found', policy: closed }, later))
  const answers = await policies.policiesFor(addresses, signal)
  expect(answers.map((answer) => answer.kind === 'found' && answer.policy)).toEqual([
    open,
    open,
    closed,
    closed,
    closed,
  ])
})

test('one policy stays one object, and one that is open stays as it is', async () => {
  const policies = openPostmaster(of({ kind: 'found', policy: closed }, false))
  const [first, second] = await policies.policiesFor(addresses, signal)
  const policyOf = (answer?: PolicyAnswer) => answer?.kind === 'found' && answer.policy
  expect(policyOf(first)).toBe(policyOf(second))
  const usual = openPostmaster(of({ kind: 'found', policy: open }, false))
  const [kept] = await usual.policiesFor(addresses, signal)
  expect(policyOf(kept)).toBe(open)
})

test('also the policy that serves where a source has failed', async () => {
  const policies = openPostmaster(of({ ...failed, instead: closed }, false))
  const [first] = await policies.policiesFor(addresses, signal)
  expect(first).toEqual({ ...failed, instead: open })
  const nothing = openPostmaster(of(failed, false))
  expect(await nothing.policiesFor(['postmaster@example.org'], signal)).toEqual([failed])
})
