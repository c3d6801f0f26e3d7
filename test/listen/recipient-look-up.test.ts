import { setImmediate } from 'node:timers/promises'
import { describe, expect, test } from 'vitest'
import { RecipientLookUp } from '../../src/listen/recipient-look-up.ts'
import type { Ledger } from '../../src/ledger/ledger.ts'
import type { Policies, PolicyAnswer } from '../../src/policy/policy-source.ts'
import type { Event } from '../../src/session/effects.ts'
import type { Split } from '../../src/split/split.ts'
import { ids, recipientOf, splitOf } from '../ledger/splits.ts'
import { policies } from '../support/machine.ts'

type Known = Extract<Event, { kind: 'recipientKnown' }>
type Answers = ReturnType<Policies['policiesFor']>
type OpenOf = ReturnType<Ledger['openOf']>
type Splits = readonly Split[] | Promise<readonly Split[]>

const answerFor = (address: string): PolicyAnswer => ({
  kind: 'found',
  policy: { ...policies.careful, name: `policy of ${address}` },
})

interface Setting {
  readonly lookUp: RecipientLookUp
  readonly questions: { readonly recipients: readonly string[]; readonly signal: AbortSignal }[]
  readonly told: Known[]
  /** Offers these, from so far on. */
  readonly offer: (...addresses: readonly string[]) => void
}

function setting(
  answer: (recipients: readonly string[]) => Answers = (recipients) => recipients.map(answerFor),
  recall: (recipient: string) => Splits = () => [],
  { openOf = (): OpenOf => 'many', now = (): number => 1000 } = {},
): Setting {
  const questions: Setting['questions'] = []
  const told: Known[] = []
  const parts = {
    policies: {
      policiesFor: (recipients: readonly string[], signal: AbortSignal): Answers => {
        questions.push({ recipients, signal })
        return answer(recipients)
      },
    },
    ledger: { openOf, recall: (_sender: string, recipient: string): Splits => recall(recipient) },
    now,
  }
  const lookUp = new RecipientLookUp(parts, { tell: (event) => told.push(event) })
  let index = 0
  const offer = (...addresses: readonly string[]): void => {
    for (const address of addresses)
      lookUp.ask({ index: index++, address, key: address, sender: 's@example.net' })
  }
  return { lookUp, questions, told, offer }
}

const names = (told: readonly Known[]): readonly string[] =>
  told.map(
    ({ index, policy }) =>
      `${index}: ${policy?.kind === 'found' ? policy.policy.name : policy?.kind}`,
  )

test('recipients that are offered in one turn are one question; those of the next turn are another', async () => {
  const { offer, questions, told } = setting()
  offer('a', 'b', 'a')
  await setImmediate()
  offer('c')
  await setImmediate()
  expect(questions.map(({ recipients }) => recipients)).toEqual([['a', 'b', 'a'], ['c']])
  expect(names(told)).toEqual([
    '0: policy of a',
    '1: policy of b',
    '2: policy of a',
    '3: policy of c',
  ])
})

test('what is at hand is told before anything else comes in', async () => {
  const { offer, told } = setting()
  const told1 = setImmediate().then(() => told.length)
  offer('a', 'b')
  expect(await told1).toBe(2)
})

test('answers that come in another order are told to whom they are for', async () => {
  const first = Promise.withResolvers<readonly PolicyAnswer[]>()
  const { offer, told } = setting((recipients): Answers =>
    recipients.includes('a') ? first.promise : recipients.map(answerFor),
  )
  offer('a', 'b')
  await setImmediate()
  offer('c')
  await setImmediate()
  expect(names(told)).toEqual(['2: policy of c'])
  first.resolve(['a', 'b'].map(answerFor))
  await setImmediate()
  expect(names(told)).toEqual(['2: policy of c', '0: policy of a', '1: policy of b'])
})

test('a recipient is known once both their policy and the ledger are: nobody waits for the splits of another', async () => {
  const splits = Promise.withResolvers<readonly Split[]>()
  const { offer, told } = setting(undefined, (recipient): Splits =>
    recipient === 'a' ? splits.promise : [],
  )
  offer('a', 'b')
  await setImmediate()
  expect(names(told)).toEqual(['1: policy of b'])
  splits.resolve([])
  await setImmediate()
  expect(names(told)).toEqual(['1: policy of b', '0: policy of a'])
})

describe('at the end of the transaction', () => {
  test('a question is ended', async () => {
    const { offer, questions, lookUp } = setting(async () => await new Promise(() => undefined))
    offer('a')
    await setImmediate()
    expect(questions[0]?.signal.aborted).toBe(false)
    lookUp.abandon()
    expect(questions[0]?.signal.aborted).toBe(true)
  })

  test('what was not asked yet is not asked', async () => {
    const { offer, questions, lookUp } = setting()
    offer('a')
    lookUp.abandon()
    await setImmediate()
    expect(questions).toEqual([])
  })
})

describe('the ledger is asked once for what is open of a sender', () => {
  const asking = (open: () => OpenOf) => {
    const asked: string[] = []
    const clock = { now: 1000 }
    const it = setting(
      undefined,
      (recipient) => {
        asked.push(recipient)
        return []
      },
      {
        openOf: (): OpenOf => {
          asked.push('sender')
          return open()
        },
        now: () => clock.now,
      },
    )
    return { ...it, asked, clock }
  }

  test.each([
    ['at once', (): OpenOf => []],
    ['later', async (): Promise<[]> => await Promise.resolve([])],
  ])(
    'for all recipients of a message that come within a second (it says so %s)',
    async (_, open) => {
      const { offer, asked, told, clock } = asking(open)
      offer('a', 'b')
      await setImmediate()
      clock.now += 999
      offer('c')
      await setImmediate()
      expect(asked).toEqual(['sender'])
      clock.now += 1
      offer('d')
      await setImmediate()
      expect(asked).toEqual(['sender', 'sender'])
      expect(told.map(({ splits }) => splits)).toEqual([[], [], [], []])
    },
  )

  test('a clock that is set back makes it no older, and no younger', async () => {
    const { offer, asked, clock } = asking(() => [])
    offer('a')
    await setImmediate()
    clock.now -= 3_600_000
    offer('b')
    await setImmediate()
    expect(asked).toEqual(['sender', 'sender'])
  })

  const open = [
    splitOf('one', { recipients: ['a', 'b'].map(recipientOf) }),
    splitOf('two', { recipients: ['b', 'c'].map(recipientOf) }),
  ]

  test.each([
    ['at once', (): OpenOf => open],
    ['later', async () => await Promise.resolve(open)],
  ])(
    'each recipient has those of the splits in which it takes part (it says so %s)',
    async (_, all) => {
      const { offer, asked, told } = asking(all)
      offer('a', 'b', 'd')
      await setImmediate()
      expect(asked).toEqual(['sender'])
      expect(told.map(({ splits }) => ids(splits))).toEqual([['one'], ['one', 'two'], []])
    },
  )

  test.each([
    ['at once', (): OpenOf => 'many'],
    ['later', async () => await Promise.resolve('many' as const)],
  ])('much is open: then for each recipient (it says so %s)', async (_, many) => {
    const { offer, asked } = asking(many)
    offer('a', 'b')
    await setImmediate()
    offer('c')
    await setImmediate()
    expect(asked).toEqual(['sender', 'a', 'b', 'c'])
  })
})
