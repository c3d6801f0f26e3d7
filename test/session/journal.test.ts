/** A session is played again from what it was told and answered; what does not fit is noticed. */
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { Journal, journalCharacters } from '../../src/session/journal.ts'
import { decode, encode } from '../../src/session/journal-values.ts'
import { JournalMismatch, replay } from '../../src/session/replay.ts'
import { Machine, type MachineOptions, policies } from '../support/machine.ts'
import { replayed } from '../support/replayed.ts'

const [a, b, c, d] = ['a@example.org', 'b@example.org', 'c@example.org', 'd@example.org'] as const
const recipients = {
  ...{ [a]: policies.tagOnly, [b]: policies.strict },
  ...{ [c]: policies.tagOnly, [d]: policies.strict },
}
const spam = { judgement: { kind: 'judged', score: 9, symbols: ['X'] } } as const
const suspicious = { judgement: { ...spam.judgement, score: 5.5 } } as const

/** Asks everything that there is to ask. */
function play(journal: Journal, options: MachineOptions = {}): Machine {
  const machine = new Machine({ recipients, ...options, journal })
  machine.connect()
  machine.send('EHLO client.test')
  machine.message([a, b], spam)
  machine.message([a], spam, ' PRDR SIZE=1000')
  machine.message([c, d], suspicious, ' PRDR')
  machine.send('FOO')
  machine.send('RSET', 'QUIT')
  return machine
}

const asked = (journal: Journal): number[] =>
  journal.lines.flatMap((line, i) => (line.startsWith('{"asked"') ? [i] : []))

test('a session is played again from its journal', () => {
  const journal = new Journal()
  const machine = play(journal)
  const { effects, said } = replayed(journal)
  expect(effects).toEqual(machine.effects)
  expect(said).toBe(machine.writes.join(''))
  expect(said).toMatch(/^220 .*221 /s)
  const { session, whole } = replay(journal.lines)
  expect(whole).toBe(true)
  expect(session.state).toEqual({ at: 'closed' })
})

test('every question of the oracle is in it', () => {
  const journal = new Journal()
  const { session } = play(journal)
  const questions = asked(journal).map(
    (i) => /^\{"asked":"(\w+)"/.exec(journal.lines[i] ?? '')?.[1],
  )
  const { prototype } = session.oracle.constructor as { prototype: object }
  const all = Object.getOwnPropertyNames(prototype).filter((name) => name !== 'constructor')
  expect([...new Set(questions)].toSorted()).toEqual(all.toSorted())
})

describe('what does not fit is noticed', () => {
  const journal = new Journal()
  play(journal)
  const { lines } = journal

  test.each(asked(journal).map((i): [number, string] => [i + 1, lines[i] ?? '']))(
    'line %i is missing: %s',
    (line) => {
      const without = lines.filter((_, i) => i !== line - 1)
      expect(() => replay(without)).toThrow(JournalMismatch)
    },
  )

  test.each(asked(journal).map((i): [number, string] => [i + 1, lines[i] ?? '']))(
    'line %i is there twice: %s',
    (line, text) => {
      const twice = lines.toSpliced(line, 0, text)
      expect(() => replay(twice)).toThrow(JournalMismatch)
    },
  )

  test.each([
    ['another question', '"asked":"takes","of":["messages"]', '"asked":"newId","of":["messages"]'],
    [
      'asked of something else',
      '"asked":"takes","of":["messages"]',
      '"asked":"takes","of":["errors"]',
    ],
    ['another size', '"asked":"roomFor","of":[0]', '"asked":"roomFor","of":[1]'],
  ])('%s', (_, was, is) => {
    expect(lines.join('\n')).toContain(was)
    expect(() => replay(lines.map((line) => line.replace(was, is)))).toThrow(
      /^line \d+: the machine asks /,
    )
  })

  test('another answer leads elsewhere', () => {
    const refused = lines.map((line) =>
      line.startsWith('{"asked":"roomFor"')
        ? line.replace('"answer":true', '"answer":false')
        : line,
    )
    expect(() => replay(refused)).toThrow(JournalMismatch)
  })

  test('no beginning', () => expect(() => replay(lines.slice(1))).toThrow(/^line 1: /))
})

describe('a journal holds no more than it may', () => {
  const whole = new Journal()
  const machine = play(whole)
  const all = whole.lines.map((line) => line.length)

  test('wherever it ends, what is there is played', () => {
    for (const [i] of all.entries()) {
      if (i === 0) continue
      const journal = new Journal(all.slice(0, i).reduce((sum, length) => sum + length, 0))
      // Ids go on from one session to the next.
      play(journal, { oracle: { newId: () => 'split' } })
      expect(journal.full).toBe(true)
      expect(journal.lines.at(-1)).toBe('{"full":true}')
      const { turns, whole: complete } = replay(journal.lines)
      expect(complete).toBe(false)
      const said = turns.map((turn) => turn.said).join('')
      expect(machine.writes.join('').startsWith(said)).toBe(true)
    }
  })

  test('by default a million characters', () => {
    const journal = new Journal()
    const line = { event: { kind: 'line', at: 0, text: 'x'.repeat(1000) } } as const
    for (let i = 0; i < 2000; i++) journal.write(line)
    expect(journal.full).toBe(true)
    expect(journal.lines.join('').length).toBeLessThanOrEqual(journalCharacters + 20)
  })
})

test('a session without a journal asks its oracle itself', () => {
  const machine = Machine.ready()
  expect(machine.session.journal).toBeUndefined()
  expect(Object.hasOwn(machine.session.oracle, 'serve')).toBe(true)
})

describe('values come back as they were', () => {
  const leaf = fc.oneof(
    fc.string(),
    fc.boolean(),
    fc.double(),
    fc.constant(null),
    fc.uint8Array().map((octets) => Buffer.from(octets)),
  )
  const key = fc.oneof(
    fc.string(),
    fc.constantFrom('$map', '$set', '$octets', '$object', '$', '__proto__'),
  )
  const { value } = fc.letrec<{ value: unknown }>((tie) => ({
    value: fc.oneof(
      { maxDepth: 4 },
      leaf,
      fc.array(tie('value'), { maxLength: 4 }),
      fc.dictionary(key, tie('value'), { maxKeys: 4, noNullPrototype: true }),
      fc.array(fc.tuple(leaf, tie('value')), { maxLength: 4 }).map((entries) => new Map(entries)),
      fc.array(leaf, { maxLength: 4 }).map((one) => new Set(one)),
    ),
  }))

  test('whatever they are', () => {
    fc.assert(
      fc.property(value, (one) => {
        expect(decode(JSON.parse(JSON.stringify(encode(one))))).toStrictEqual(one)
      }),
    )
  })

  test.each<[string, unknown]>([
    ['a function', () => undefined],
    ['an object with a class of its own', new Journal()],
    ['a symbol', Symbol('x')],
  ])('%s can not be kept', (_, one) => expect(() => encode(one)).toThrow(TypeError))
})
