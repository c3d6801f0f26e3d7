import { describe, expect, test } from 'vitest'
import {
  abandonSplit,
  answerRecipients,
  closeIfDone,
  deferRecipients,
  endAttempt,
  expectRecipients,
  isOpen,
  keepDelivery,
  keepRefusal,
  mergeSplits,
  nextVersion,
  openAmong,
  othersBefore,
  presume,
  returnRecipients,
  startSplit,
  stateOf,
} from '../../src/ledger/split-course.ts'
import type { RecipientState, Split } from '../../src/ledger/split.ts'

const fresh = startSplit({ id: 's', at: 1000, reversePath: 'x@y.test', peer: 'default', strategy: 'group' })
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
const statesOf = (split: Split): string => split.recipients.map(({ address, state }) => `${address}:${state}`).join(' ')

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
    expect(stateOf(answerRecipients(again, ['a']), 'a')).toEqual({ address: 'a', state: 'answered', deferrals: 2 })
  })

  test('a clock that goes back gives no negative delay', () => {
    expect([...returnRecipients(deferRecipients(fresh, ['a'], 2000), ['a'], 1000).delays]).toEqual([['a', 0]])
  })

  test('a refusal that is kept, and its reply', () => {
    const kept = keepRefusal(deferRecipients(fresh, ['a'], 1), 'a', no, 2)
    expect(stateOf(kept, 'a')).toEqual({ address: 'a', state: 'refused', reply: no, deferrals: 2, deferredAt: 2 })
    expect(stateOf(returnRecipients(kept, ['a'], 3).split, 'a')).toMatchObject({ state: 'refused', reply: no })
  })

  test('who is expected without having been told to wait', () => {
    expect(statesOf(expectRecipients(withStates('a:refused'), ['a', 'b']))).toBe('a:refused b:waiting')
    expect(statesOf(keepDelivery(fresh, 'a', 1))).toBe('a:delivered')
  })
})

describe('an attempt', () => {
  test.each([
    ['progress', { forcedRetry: true, progress: true, trouble: false, refusedOnly: false }, 1, 0],
    ['none', { forcedRetry: true, progress: false, trouble: false, refusedOnly: false }, 1, 2],
    ['trouble', { forcedRetry: true, progress: false, trouble: true, refusedOnly: false }, 1, 1],
    ['only refused ones that wait', { forcedRetry: true, progress: false, trouble: false, refusedOnly: true }, 1, 1],
    ['nobody was deferred', { forcedRetry: false, progress: false, trouble: false, refusedOnly: false }, 0, 1],
  ])('%s', (_name, end, forcedRetries, idleAttempts) => {
    expect(endAttempt({ ...fresh, idleAttempts: 1 }, { at: 5, ...end })).toMatchObject({
      forcedRetries,
      idleAttempts,
      lastAttemptAt: 5,
      refusedOnly: end.refusedOnly,
    })
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

  test('given up: who was never answered', () => {
    const { split, recipients } = abandonSplit(withStates('a:answered b:waiting c:refused d:delivered'), 9)
    expect(split).toMatchObject({ status: 'abandoned', closedAt: 9 })
    expect(recipients).toEqual(['b', 'c'])
  })

  test('versions count up', () => expect(nextVersion(nextVersion(fresh)).version).toBe(2))
})

describe('which split a transaction goes on with', () => {
  const split = (id: string, states: string, startedAt = 0): Split => withStates(states, { id, startedAt })
  test.each<[string, Split[], string[], string | undefined]>([
    ['none', [], ['a'], undefined],
    ['nobody of it is offered', [split('1', 'b:waiting')], ['a'], undefined],
    ['all of it are answered', [split('1', 'a:answered')], ['a'], undefined],
    ['the one in which most wait', [split('1', 'a:waiting'), split('2', 'a:waiting b:refused')], ['a', 'b'], '2'],
    ['the oldest among equals', [split('1', 'a:waiting', 9), split('2', 'a:waiting', 5)], ['a'], '2'],
  ])('%s', (_name, candidates, offered, id) => expect(presume(candidates, offered)?.id).toBe(id))

  test.each<[string, string[], boolean, number]>([
    ['a:refused b:waiting', ['a'], true, 1],
    ['a:refused b:delivered', ['a'], true, 1],
    ['a:refused b:refused', ['a'], false, 1],
    ['a:refused b:answered', ['a', 'b'], false, 1],
    ['a:refused b:waiting', ['a', 'b'], false, 2],
  ])('%s, offered %j: others before %s', (states, offered, others, open) => {
    expect(othersBefore(withStates(states), new Set(offered))).toBe(others)
    expect(openAmong(withStates(states), offered)).toBe(open)
  })

  test('who is open', () => {
    const states = withStates('a:waiting b:refused c:delivered d:answered').recipients.filter(isOpen)
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
