import type { LookupAddress } from 'node:dns'
import { expect, test } from 'vitest'
import { joined, lookUpForSocket } from '../../src/dns/look-up.ts'

const place: LookupAddress = { address: '192.0.2.1', family: 4 }
const place6: LookupAddress = { address: '2001:db8::1', family: 6 }

/** Answers when it is told to. */
function slow() {
  const asked: {
    readonly host: string
    readonly answer: PromiseWithResolvers<readonly LookupAddress[]>
  }[] = []
  const look = joined(async (host) => {
    const answer = Promise.withResolvers<readonly LookupAddress[]>()
    asked.push({ host, answer })
    return await answer.promise
  })
  return { asked, look }
}

test('a name that is being looked up is not asked for again, however often somebody wants it', async () => {
  const { asked, look } = slow()
  const wanting = Array.from({ length: 100 }, async () => await look('a.test'))
  const other = look('b.test')
  expect(asked.map(({ host }) => host)).toEqual(['a.test', 'b.test'])
  asked[1]?.answer.resolve([place6])
  expect(await other).toEqual([place6])
  asked[0]?.answer.resolve([place])
  expect(await Promise.all(wanting)).toEqual(wanting.map(() => [place]))
})

test('what the system says is for those who wait; who comes later asks anew', async () => {
  const { asked, look } = slow()
  const first = [look('a.test'), look('a.test')]
  asked[0]?.answer.reject(new Error('EAI_AGAIN'))
  expect((await Promise.allSettled(first)).map(({ status }) => status)).toEqual([
    'rejected',
    'rejected',
  ])
  const second = look('a.test')
  expect(asked).toHaveLength(2)
  asked[1]?.answer.resolve([place])
  expect(await second).toEqual([place])
})

test.each([
  ['all of them', { all: true }, [[place, place6]]],
  ['the first', {}, [place.address, 4]],
  ['the first of a family', { family: 6 }, [place6.address, 6]],
  ['all of a family', { all: true, family: 4 }, [[place]]],
  ['none that fits', { family: 6 }, 'ENOTFOUND', [place]],
] as const)(
  'a socket gets %s',
  async (_name, options, expected, found: readonly LookupAddress[] = [place, place6]) => {
    const answer = await new Promise((resolve) => {
      const look = async (): Promise<readonly LookupAddress[]> => await Promise.resolve(found)
      lookUpForSocket(look)('a.test', options, (error, ...got) =>
        resolve(error === null ? got : error.code),
      )
    })
    expect(answer).toEqual(expected)
  },
)
