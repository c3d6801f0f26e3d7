import { describe, expect, test, vi } from 'vitest'
import { type NameResolver, VerifiedNames } from '../../src/peers/verified-names.ts'

const nothing = new Error('queryPtr ENOTFOUND')

function asked(answers: {
  readonly names?: Readonly<Record<string, readonly string[]>>
  readonly addresses?: Readonly<Record<string, readonly string[]>>
}) {
  const questions: string[] = []
  const answer =
    (table: Readonly<Record<string, readonly string[]>> = {}) =>
    async (question: string): Promise<string[]> => {
      questions.push(question)
      const found = table[question]
      return found === undefined ? await Promise.reject(nothing) : [...found]
    }
  const resolver: NameResolver = {
    reverse: answer(answers.names),
    resolve4: answer(answers.addresses),
    resolve6: answer(answers.addresses),
  }
  return { questions, resolver }
}

describe('VerifiedNames', () => {
  test.each([
    {
      what: 'a name that leads back',
      found: ['MX.example.net'],
      back: ['192.0.2.9', '192.0.2.1'],
      name: 'mx.example.net',
    },
    {
      what: 'a name of somebody else',
      found: ['mx.example.net'],
      back: ['192.0.2.9'],
      name: undefined,
    },
    { what: 'a name without an address', found: ['mx.example.net'], back: [], name: undefined },
    { what: 'no name', found: [], back: [], name: undefined },
    {
      what: 'IPv6',
      address: '2001:db8::1',
      found: ['mx.example.net'],
      back: ['2001:db8::1'],
      name: 'mx.example.net',
    },
  ])('$what', async ({ address = '192.0.2.1', found, back, name }) => {
    const { resolver } = asked({
      names: { [address]: found },
      addresses: Object.fromEntries(found.map((one) => [one, back])),
    })
    expect(await new VerifiedNames({ resolver, now: () => 0 }).nameOf(address)).toBe(name)
  })

  test('the sixth name of an address is not tried', async () => {
    const names = ['a', 'b', 'c', 'd', 'e', 'f'].map((label) => `${label}.example.net`)
    const { resolver } = asked({
      names: { '192.0.2.1': names },
      addresses: { 'f.example.net': ['192.0.2.1'] },
    })
    expect(await new VerifiedNames({ resolver, now: () => 0 }).nameOf('192.0.2.1')).toBeUndefined()
  })

  test('this machine has its name without a question', () => {
    const { resolver, questions } = asked({})
    const names = new VerifiedNames({ resolver, now: () => 0 })
    expect([names.nameOf('127.0.0.3'), names.nameOf('::1')]).toEqual(['localhost', 'localhost'])
    expect(questions).toEqual([])
  })

  test.each([
    ['a name for five minutes', ['mx.example.net'], 300_000],
    ['that there is none for one', [], 60_000],
  ])('remembers %s', async (_, found, keptMs) => {
    let now = 1000
    const { resolver, questions } = asked({
      names: { '192.0.2.1': found },
      addresses: { 'mx.example.net': ['192.0.2.1'] },
    })
    const names = new VerifiedNames({ resolver, now: () => now })
    const name = await names.nameOf('192.0.2.1')
    const once = questions.length
    now += keptMs - 1
    expect(names.nameOf('192.0.2.1')).toBe(name)
    now += 1
    expect(await names.nameOf('192.0.2.1')).toBe(name)
    expect(questions).toHaveLength(2 * once)
  })

  test('connections that come together share one question', async () => {
    const { resolver, questions } = asked({ names: { '192.0.2.1': [] } })
    const names = new VerifiedNames({ resolver, now: () => 0 })
    await Promise.all([
      names.nameOf('192.0.2.1'),
      names.nameOf('192.0.2.1'),
      names.nameOf('192.0.2.1'),
    ])
    expect(questions).toEqual(['192.0.2.1'])
  })

  test('remembers 20,000 addresses', async () => {
    const { resolver, questions } = asked({})
    const names = new VerifiedNames({ resolver, now: () => 0 })
    const address = (index: number): string => `10.1.${index >> 8}.${index & 255}`
    for (let index = 0; index <= 20_000; index++) await names.nameOf(address(index))
    questions.length = 0
    expect([names.nameOf(address(1)), names.nameOf(address(20_000))]).toEqual([
      undefined,
      undefined,
    ])
    expect(questions).toEqual([])
    await names.nameOf(address(0))
    expect(questions).toEqual([address(0)])
  })
})

test('a client whose name server is silent is greeted without a name, and nothing more is asked for it', async () => {
  vi.useFakeTimers()
  try {
    const { resolver, questions } = asked({})
    const names = Promise.withResolvers<string[]>()
    const silent: NameResolver = { ...resolver, reverse: async () => await names.promise }
    const name = new VerifiedNames({ resolver: silent, now: () => 0 }).nameOf('192.0.2.1')
    await vi.advanceTimersByTimeAsync(3000)
    expect(await name).toBeUndefined()
    names.resolve(['mx.example.net'])
    await vi.advanceTimersByTimeAsync(1)
    expect(questions).toEqual([])
  } finally {
    vi.useRealTimers()
  }
})

test('a name is not believed for a day because the clock was set back by a day', async () => {
  let at = 1_000_000_000
  const { resolver, questions } = asked({
    names: { '192.0.2.1': ['mx.example.net'] },
    addresses: { 'mx.example.net': ['192.0.2.1'] },
  })
  const names = new VerifiedNames({ resolver, now: () => at })
  expect(await names.nameOf('192.0.2.1')).toBe('mx.example.net')
  at -= 24 * 3_600_000
  expect(await names.nameOf('192.0.2.1')).toBe('mx.example.net')
  expect(questions).toEqual(['192.0.2.1', 'mx.example.net', '192.0.2.1', 'mx.example.net'])
})
