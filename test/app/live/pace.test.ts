/** How many messages are told live within a second. */
import { expect, it } from 'vitest'
import { mostASecond, Pace } from '../../../src/app/live/pace.ts'
import { everyKind, transaction } from '../../metrics/sample-facts.ts'

const usual = transaction()
const refused = transaction({ outcome: 'refused' })

it('messages that went as usual do not take the room of others', () => {
  let now = 5000
  const pace = new Pace(() => now)
  const told = (fact: typeof usual): number =>
    Array.from({ length: 1000 }, () => pace.allows(fact)).filter(Boolean).length
  expect(told(usual)).toBe(mostASecond.usual)
  expect(told(refused)).toBe(mostASecond.notable)
  now += 999
  expect(told(usual)).toBe(0)
  now += 1
  expect(told(usual)).toBe(mostASecond.usual)
})

it('everything else is told, however much of it there is', () => {
  const pace = new Pace(() => 0)
  for (const fact of everyKind.filter(({ kind }) => kind !== 'transactionEnded'))
    for (let i = 0; i < 200; i++) expect(pace.allows(fact)).toBe(true)
})
