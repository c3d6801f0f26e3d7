/** Which endpoint a message goes to, as tables: no server, no clock, and chance comes in. */
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import {
  alike,
  bestOf,
  type Choosable,
  inOrder,
  pickSuitable,
  refusalOf,
} from '../../../src/backend/endpoints/choose.ts'
import { endpointOf } from '../../../src/backend/endpoints/route.ts'
import type { Needs } from '../../../src/backend/wire/needs.ts'
import { parseExtensions } from '../../../src/smtp/ehlo.ts'

interface One extends Choosable {
  readonly name: string
}

/** `up`, unless it says otherwise; what it offers is in one line. */
function endpoint(
  name: string,
  {
    priority = 0,
    weight = 1,
    state = 'up',
    offers = '',
  }: {
    readonly priority?: number
    readonly weight?: number
    readonly state?: 'up' | 'down' | 'relays'
    readonly offers?: string
  } = {},
): One {
  const server = { url: `smtp://${name}`, host: name, port: 25, priority, weight }
  return {
    ...endpointOf(server, name, '192.0.2.1'),
    name,
    usable: state === 'up',
    relays: state === 'relays',
    extensions: parseExtensions(['hello', ...offers.split(',')]),
  }
}
const unseen = (name: string): One => ({ ...endpoint(name), extensions: undefined })

const needs = (more: Partial<Needs>): Needs => ({ must: [], should: [], sizeBytes: 0, ...more })
const utf8 = needs({ must: ['SMTPUTF8'] })
const dsn = needs({ should: ['DSN'] })
const large = needs({ sizeBytes: 2000 })

/** The first one each time. */
const first = (): number => 0
const names = (all: readonly One[]): string => all.map(({ name }) => name).join(' ')

describe('the order in which endpoints are tried', () => {
  test.each<[string, One[], Needs | undefined, string]>([
    ['a lower priority first', [endpoint('b', { priority: 2 }), endpoint('a')], undefined, 'a b'],
    [
      'what is down comes last, and is tried: trying beats refusing',
      [endpoint('a', { state: 'down' }), endpoint('b', { priority: 2 })],
      undefined,
      'b a',
    ],
    ['one that relays is never tried', [endpoint('a', { state: 'relays' })], undefined, ''],
    [
      'what lacks a need is not tried',
      [endpoint('a'), endpoint('b', { offers: 'SMTPUTF8' })],
      utf8,
      'b',
    ],
    ['one whose EHLO was never seen may have it', [endpoint('a'), unseen('b')], utf8, 'b'],
    [
      'what is better to have goes before the priority',
      [endpoint('a'), endpoint('b', { priority: 2, offers: 'DSN' })],
      dsn,
      'b a',
    ],
    [
      'one that is down is no better for what it has',
      [endpoint('a', { state: 'down', offers: 'DSN' }), endpoint('b')],
      dsn,
      'b a',
    ],
    [
      'one with room for the message',
      [endpoint('a', { offers: 'SIZE 1000' }), endpoint('b', { offers: 'SIZE 3000' })],
      large,
      'b',
    ],
    [
      'too large for all of them: the server says so best itself',
      [endpoint('a', { offers: 'SIZE 1000' }), endpoint('b', { offers: 'SIZE 1500' })],
      large,
      'a b',
    ],
    [
      'too large, and another need besides',
      [endpoint('a', { offers: 'SIZE 1000' }), endpoint('b', { offers: 'SIZE 1000,SMTPUTF8' })],
      { ...utf8, sizeBytes: 2000 },
      'b',
    ],
  ])('%s', (_, all, wanted, expected) =>
    expect(names(inOrder(all, { needs: wanted }, first))).toBe(expected),
  )

  test('what was tried already is left out', () => {
    const [a, b] = [endpoint('a'), endpoint('b')]
    expect(names(inOrder([a, b], { not: new Set([a]) }, first))).toBe('b')
  })

  test('whatever there is and is needed: nobody twice, nobody who relays, and who is up before who is down', () => {
    const one = fc.record({
      priority: fc.nat(2),
      weight: fc.integer({ min: 1, max: 5 }),
      state: fc.constantFrom('up', 'down', 'relays'),
      offers: fc.constantFrom('', 'DSN', 'SMTPUTF8', 'SIZE 1000', 'DSN,SMTPUTF8'),
    })
    const wanted = fc.constantFrom(undefined, utf8, dsn, large)
    const chances = fc.double({ min: 0, max: 0.999, noNaN: true })
    fc.assert(
      fc.property(fc.array(one, { maxLength: 6 }), wanted, chances, (traits, need, chance) => {
        const all = traits.map((of, i) => endpoint(String(i), of))
        const order = inOrder(all, { needs: need }, () => chance)
        expect(new Set(order).size).toBe(order.length)
        expect(order.some(({ relays }) => relays)).toBe(false)
        const up = order.map(({ usable }) => usable)
        expect(up).toEqual([...up].sort((a, b) => Number(b) - Number(a)))
        if (need === undefined)
          expect(order).toHaveLength(all.filter(({ relays }) => !relays).length)
      }),
    )
  })
})

describe('the one for the next message', () => {
  const pick = (all: readonly One[], wanted: Parameters<typeof pickSuitable>[1], chance = 0) =>
    pickSuitable(bestOf(all), wanted, () => chance)?.name
  const both = [endpoint('a'), endpoint('b', { weight: 3, offers: 'SMTPUTF8' })]
  const worse = endpoint('c', { priority: 2, offers: 'SMTPUTF8' })

  test.each([
    ['in proportion to the weights', 0.24, 'a'],
    ['in proportion to the weights', 0.26, 'b'],
  ])('%s: at %d %s', (_, chance, expected) =>
    expect(pick([...both, worse], {}, chance)).toBe(expected),
  )
  test('of a worse priority only while no better one is usable', () => {
    expect(pick([endpoint('a', { state: 'down' }), worse], {})).toBe('c')
  })
  test('of none', () => expect(pick([endpoint('a', { state: 'down' })], {})).toBeUndefined())
  test('whose turn it is and who does not suit is not taken: then the order decides', () => {
    expect(pick(both, { needs: utf8 }, 0)).toBeUndefined()
    expect(pick(both, { needs: utf8 }, 0.5)).toBe('b')
  })
  test('nor is anyone when some were tried already', () => {
    expect(pick(both, { not: new Set() })).toBeUndefined()
  })
})

test.each<[string, One[], string]>([
  ['of nobody', [], ''],
  ['the same priority', [endpoint('a'), endpoint('b'), endpoint('c', { priority: 2 })], 'a b'],
  [
    'as usable as the first',
    [endpoint('a', { state: 'down' }), endpoint('b'), endpoint('c', { state: 'down' })],
    'a c',
  ],
])('alike are, %s', (_, order, expected) => expect(names(alike(order))).toBe(expected))

describe('what a client hears when no endpoint was of use', () => {
  test.each<[string, One[], Needs | undefined, boolean, number | undefined]>([
    ['nothing was needed', [endpoint('a')], undefined, false, undefined],
    [
      'nobody is up: its message is not the reason',
      [endpoint('a', { state: 'down' })],
      utf8,
      false,
      undefined,
    ],
    ['one has it', [endpoint('a', { offers: 'SMTPUTF8' })], utf8, false, undefined],
    ['none of all has it', [endpoint('a'), endpoint('b')], utf8, false, 550],
    [
      'one that is down may have it',
      [endpoint('a'), endpoint('b', { state: 'down' })],
      utf8,
      false,
      451,
    ],
    ['one that was never seen may have it', [endpoint('a'), unseen('b')], utf8, false, 451],
    ['a server without an address may have it', [endpoint('a')], utf8, true, 451],
  ])('%s', (_, ...[all, wanted, unknown, code]) =>
    expect(refusalOf(all, wanted, unknown)?.code).toBe(code),
  )
})
