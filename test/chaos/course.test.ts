/** What a failure tells of a message has all that the record knows of it. */
import { expect, test } from 'vitest'
import { courseOf } from './course.ts'
import { blow, both, letter, taken, transaction } from './few-entries.ts'
import type { Entry } from './journal.ts'

const other = (name: string, reversePath: string): Entry =>
  ({ ...letter(0), letter: name, reversePath }) as Entry

test('the course of a message: its own entries, the attempts of others of its sender, and what was done meanwhile', () => {
  const own = [
    transaction(1000, '451 4.5.3 later'),
    taken(1000, both),
    transaction(9000, '250 taken'),
  ]
  const meanwhile = [
    transaction(5000, '250 taken', { letter: 'n' }),
    blow(6000, 'worker', 'SIGKILL', 0),
  ]
  const strange = [
    transaction(5500, '250 taken', { letter: 'x' }),
    { ...taken(5500, both), letter: 'x' },
    blow(20_000, 'worker', 'SIGKILL', 0),
  ]
  const offers = [letter(9), other('n', 's@client.test'), other('x', 't@client.test')]
  const course = courseOf([...offers, ...own, ...meanwhile, ...strange], 'm')
  expect(course.map((line) => JSON.parse(line) as unknown)).toEqual([
    letter(9),
    ...own,
    ...meanwhile,
  ])
})

test('a long course is cut, and says so', () => {
  const many = Array.from({ length: 200 }, (_, i) => transaction(1000 * (i + 1), '451 later'))
  expect(courseOf([letter(9), ...many], 'm')).toHaveLength(81)
  expect(courseOf([letter(9), ...many], 'm').at(-1)).toBe('and 121 more')
})
