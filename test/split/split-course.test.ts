import { describe, expect, test } from 'vitest'
import {
  abandonSplit,
  answerRecipients,
  closeIfDone,
  deferRecipients,
  endAttempt,
  expectRecipients,
  intendDelivery,
  isOpen,
  keepDeliveries,
  keepJudged,
  keepOutcomes,
  keepRefusals,
  mergeSplits,
  nextVersion,
  othersBefore,
  oweAcknowledgement,
  returnRecipients,
  settleDelivery,
  startSplit,
  stateOf,
} from '../../src/split/split-course.ts'
import type { RecipientState, Split } from '../../src/split/split.ts'

const fresh = startSplit({
  id: 's',
  at: 1000,
  transaction: 'x.1',
  reversePath: 'x@y.test',
  peer: 'default',
  strategy: 'group',
})
const no = { code: 550, lines: ['no'] as [string] }
/** `a:waiting b:refused` */
const withStates = (text: string, more: Partial<Split> = {}): Split => ({
  ...fresh,
  recipients: text.split(' ').map((word) => {
    const [address = '', state = ''] = word.split(':')
    return { address, state: state as RecipientState, deferrals: 1 }
  }),
  ...more,
})
const statesOf = (split: Split): string =>
  split.recipients.map(({ address, state }) => `${address}:${state}`).join(' ')

describe('the way of a recipient', () => {
  test('deferred, returned after a while, answered', () => {
    const deferred = deferRecipients(fresh, ['a', 'b', 'a'], 2000)
    expect(deferred.recipients).toEqual([
      { address: 'a', state: 'waiting', deferrals: 1, deferredAt: 2000 },
      { address: 'b', state: 'waiting', deferrals: 1, deferredAt: 2000 },
    ])
    const returned = returnRecipients(deferred, ['a'], 2500)
    expect([...returned.delays]).toEqual([['a', 500]])
    // Told once per return.
    expect([...returnRecipients(returned.split, ['a'], 9000).delays]).toEqual([])
    expect(stateOf(returned.split, 'b')?.deferredAt).toBe(2000)
    const again = deferRecipients(returned.split, ['a'], 3000)
    expect(stateOf(again, 'a')).toMatchObject({ deferrals: 2, deferredAt: 3000 })
    expect(stateOf(answerRecipients(again, ['a']), 'a')).toEqual({
      address: 'a',
      state: 'answered',
      deferrals: 2,
    })
  })

  test('what was made of a recipient stays with them, wherever they go from there', () => {
    const outcome = { transaction: 'x.1', reason: { because: 'other group' } } as const
    const outcomes = new Map([
      ['a', outcome],
      ['stranger', outcome],
    ])
    const split = keepOutcomes(deferRecipients(fresh, ['a', 'b'], 1), outcomes)
    expect(split.recipients.map((one) => one.outcome)).toEqual([outcome, undefined])
    const by = { process: 'p', until: 9 }
    const ways: readonly Split[] = [
      returnRecipients(split, ['a'], 2).split,
      answerRecipients(split, ['a']),
      keepRefusals(split, new Map([['a', no]]), 2),
      keepDeliveries(split, ['a'], 2),
      intendDelivery(split, ['a'], by),
      settleDelivery(intendDelivery(split, ['a'], by), ['a'], new Set(['a'])),
      settleDelivery(intendDelivery(split, ['a'], by), ['a'], new Set()),
      oweAcknowledgement(split, ['a']),
      keepJudged(split, new Map([['a', no]])),
      keepJudged(split, new Map([['a', undefined]])),
      mergeSplits(fresh, split),
    ]
    for (const way of ways) expect(stateOf(way, 'a')?.outcome).toEqual(outcome)
  })

  test('a clock that goes back gives no negative delay', () => {
    expect([...returnRecipients(deferRecipients(fresh, ['a'], 2000), ['a'], 1000).delays]).toEqual([
      ['a', 0],
    ])
  })

  test('a refusal that is kept, and its reply', () => {
    const kept = keepRefusals(deferRecipients(fresh, ['a'], 1), new Map([['a', no]]), 2)
    expect(stateOf(kept, 'a')).toEqual({
      address: 'a',
      state: 'refused',
      reply: no,
      deferrals: 2,
      deferredAt: 2,
    })
    expect(stateOf(returnRecipients(kept, ['a'], 3).split, 'a')).toMatchObject({
      state: 'refused',
      reply: no,
    })
  })

  test('who is expected without having been told to wait', () => {
    expect(statesOf(expectRecipients(withStates('a:refused'), ['a', 'b']))).toBe(
      'a:refused b:waiting',
    )
    expect(statesOf(keepDeliveries(fresh, ['a'], 1))).toBe('a:delivered')
  })
})

describe('an attempt', () => {
  const nothing = {
    progress: false,
    trouble: false,
    byJudge: false,
    refusedOnly: false,
    recognised: false,
  }
  test.each([
    ['progress', { ...nothing, forcedRetry: true, progress: true }, 1, 0],
    ['none', { ...nothing, forcedRetry: true }, 1, 2],
    ['trouble', { ...nothing, forcedRetry: true, trouble: true }, 0, 1],
    ['only refused ones that wait', { ...nothing, forcedRetry: true, refusedOnly: true }, 1, 1],
    ['known by its text alone', { ...nothing, forcedRetry: true, recognised: true }, 1, 1],
    ['nobody was deferred', { ...nothing, forcedRetry: false }, 0, 1],
  ])('%s', (_name, end, forcedRetries, idleAttempts) => {
    expect(endAttempt({ ...fresh, idleAttempts: 1 }, { at: 5, ...end })).toMatchObject({
      forcedRetries,
      idleAttempts,
      lastAttemptAt: 5,
      refusedOnly: end.refusedOnly,
    })
  })

  test('a return that is known by its text alone is excused three times', () => {
    let split = fresh
    const idle = [1, 2, 3, 4, 5].map((at) => {
      split = endAttempt(split, { ...nothing, at, forcedRetry: true, recognised: true })
      return split.idleAttempts
    })
    expect(idle).toEqual([0, 0, 0, 1, 2])
  })

  test('the next transaction may be taken for a return again', () => {
    expect(
      endAttempt({ ...fresh, takenUntil: 9 }, { ...nothing, at: 5, forcedRetry: true }),
    ).not.toHaveProperty('takenUntil')
  })

  test.each([
    ['a:answered b:answered', {}, 'completed'],
    ['a:answered', { forgiven: true }, 'forgiven'],
    ['a:answered b:waiting', {}, 'open'],
    ['a:answered b:refused', {}, 'open'],
    ['a:answered b:delivered', {}, 'open'],
  ])('%s %j is %s', (states, more, status) => {
    expect(closeIfDone(withStates(states, more), 7)).toMatchObject({
      status,
      ...(status === 'open' ? {} : { closedAt: 7 }),
    })
  })

  test('given up', () => {
    expect(abandonSplit(fresh, 9)).toMatchObject({ status: 'abandoned', closedAt: 9 })
  })

  test('versions count up', () => expect(nextVersion(nextVersion(fresh)).version).toBe(2))
})

describe('the recipients of a split', () => {
  test.each<[string, string[], boolean]>([
    ['a:refused b:waiting', ['a'], true],
    ['a:refused b:delivered', ['a'], true],
    ['a:refused b:refused', ['a'], false],
    ['a:refused b:answered', ['a', 'b'], false],
    ['a:refused b:waiting', ['a', 'b'], false],
  ])('%s, offered %j: others before %s', (states, offered, others) => {
    expect(othersBefore(withStates(states), new Set(offered))).toBe(others)
  })

  test('who is open', () => {
    const states = withStates('a:waiting b:refused c:delivered d:answered').recipients.filter(
      isOpen,
    )
    expect(states.map(({ address }) => address)).toEqual(['a', 'b', 'c'])
    expect(isOpen(undefined)).toBe(false)
  })

  test('two splits of one message become one that knows what both know', () => {
    const one = withStates('a:waiting b:answered c:refused', { forcedRetries: 2 })
    const two = withStates('a:delivered b:waiting c:waiting d:waiting', {
      forcedRetries: 1,
      idleAttempts: 1,
      forgiven: true,
    })
    const merged = mergeSplits(one, two)
    expect(statesOf(merged)).toBe('a:delivered b:answered c:refused d:waiting')
    expect(merged).toMatchObject({ id: 's', forcedRetries: 2, idleAttempts: 1, forgiven: true })
  })
})
