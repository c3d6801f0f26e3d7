import fc from 'fast-check'
import { expect, test } from 'vitest'
import { type Link, LinkedList } from '../../src/loop/linked-list.ts'

test('in order, without what was taken out, whatever is added and taken out', () => {
  const operation = fc.oneof(fc.constant('add' as const), fc.nat({ max: 30 }))
  fc.assert(
    fc.property(fc.array(operation, { maxLength: 60 }), (operations) => {
      const list = new LinkedList<number>()
      const links: Link<number>[] = []
      const expected = new Set<number>()
      for (const wanted of operations) {
        if (wanted === 'add') {
          expected.add(links.length)
          links.push(list.add(links.length))
        } else {
          const link = links[wanted]
          if (link !== undefined) list.remove(link) // now and then for the second time
          expected.delete(wanted)
        }
        expect([...list]).toEqual([...expected])
        expect(list.size).toBe(expected.size)
      }
    }),
  )
})

test('who is taken out or added meanwhile does not come', () => {
  const list = new LinkedList<string>()
  list.add('a')
  const b = list.add('b')
  list.add('c')
  const seen: string[] = []
  for (const value of list) {
    seen.push(value)
    if (value === 'a') {
      list.remove(b)
      list.add('d')
    }
  }
  expect(seen).toEqual(['a', 'c'])
})

test('a place that was left refers to nothing', () => {
  const list = new LinkedList<object>()
  list.add({})
  const link = list.add({})
  list.add({})
  list.remove(link)
  expect(link).toEqual({ value: undefined, before: undefined, behind: undefined })
})
