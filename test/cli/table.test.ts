/** Tables fit a terminal, whatever strangers have written into their cells. */
import fc from 'fast-check'
import { Command } from 'commander'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { type Admin, startAdmin } from '../../src/admin/server.ts'
import { facts, table } from '../../src/cli/table.ts'
import { cutTo, folded, widthOf, wrapped } from '../../src/cli/text-width.ts'
import * as drain from '../../src/cli/drain.ts'
import * as peers from '../../src/cli/peers.ts'
import * as splits from '../../src/cli/splits.ts'
import * as strategy from '../../src/cli/strategy.ts'
import { heldSplit, sampleContext } from '../admin/sample-context.ts'

const unfit = /[\0-\x09\x0b-\x1f\x7f-\x9f\u2028-\u202e\u2066-\u2069]/
const cell = fc.oneof(
  fc.string({ unit: 'binary', maxLength: 20 }),
  fc.string({ unit: 'grapheme', maxLength: 300 }),
  fc.constantFrom('', 'a b c', 'x'.repeat(500), '字'.repeat(120), '👩‍👩‍👧‍👦'.repeat(60)),
)
const widest = (text: string): number => Math.max(...text.split('\n').map(widthOf))

describe('cli.md: “Tables have at most 80 columns, or as many as your terminal.”', () => {
  test('of any cells and columns', () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 40, max: 120 }),
        fc.integer({ min: 1, max: 13 }).chain((columns) =>
          fc.array(fc.array(cell, { minLength: columns, maxLength: columns }), {
            minLength: 1,
            maxLength: 4,
          }),
        ),
        (width, rows) => {
          const headings = (rows[0] ?? []).map((_, column) => `HEADING ${column}`)
          const text = table(headings, rows, width)
          expect(widest(text)).toBeLessThanOrEqual(width)
          expect(text).not.toMatch(unfit)
        },
      ),
    )
  })

  test('the last column is whole, and rows that fit no table are whole', () => {
    const word = fc.stringMatching(/^[a-z@.]{1,60}$/)
    fc.assert(
      fc.property(fc.array(word, { minLength: 2, maxLength: 12 }), (row) => {
        const text = table(
          row.map((_, column) => `H${column}`),
          [row],
        )
        const flat = text.replaceAll(/\s/g, '')
        expect(flat).toContain(row.at(-1))
        if (!text.startsWith('H0  ')) for (const one of row) expect(flat).toContain(one)
      }),
    )
  })

  test('a table that fits is as wide as its cells', () => {
    expect(
      table(
        ['A', 'B'],
        [
          ['long', 'x'],
          ['', 'y'],
        ],
      ),
    ).toBe('A     B\nlong  x\n      y')
  })

  test('what is too wide is cut in the middle, the widest first, and the last is wrapped', () => {
    const long = `${'name'.repeat(20)}@example.org`
    expect(table(['ID', 'FROM', 'WHY'], [['1', long, 'it did not come back']], 40)).toBe(
      ['ID  FROM            WHY', '1   namenam…le.org  it did not come back'].join('\n'),
    )
  })

  test('one line a field where nothing else helps', () => {
    const headings = Array.from({ length: 9 }, (_, column) => `COLUMN ${column}`)
    expect(table(headings, [headings.map(() => 'x')], 60).split('\n')).toEqual(
      headings.map((heading) => `${heading}  x`),
    )
  })
})

describe('widths', () => {
  test.each([
    ['abc', 3],
    ['é', 1],
    ['e\u0301', 1],
    ['字', 2],
    ['👩‍👩‍👧‍👦', 2],
    ['ｗ', 2],
  ])('%s has %d', (text, width) => expect(widthOf(text)).toBe(width))

  test('cut text has its room, and wrapped lines have all of it', () => {
    fc.assert(
      fc.property(cell, fc.integer({ min: 3, max: 60 }), (text, width) => {
        expect(widthOf(cutTo(text, width))).toBeLessThanOrEqual(width)
        const lines = wrapped(text, width)
        expect(lines.join('').replaceAll(' ', '')).toBe(text.replaceAll(' ', ''))
      }),
    )
  })

  test('cli.md: “On a terminal check, explain, why and recipients test fold longer lines; elsewhere each line stays whole.” No word is lost, and no folded line begins where a line begins', () => {
    const line = fc.tuple(fc.constantFrom('', '  ', '    '), cell).map((parts) => parts.join(''))
    fc.assert(
      fc.property(fc.array(line), fc.integer({ min: 40, max: 100 }), (lines, width) => {
        const text = lines.join('\n')
        const after = folded(text, width)
        expect(widest(after)).toBeLessThanOrEqual(width)
        expect(after.replaceAll(/\s/g, '')).toBe(text.replaceAll(/\s/g, ''))
        if (widest(text) <= width) expect(after).toBe(text)
      }),
    )
    expect(folded(`  ${'word '.repeat(20).trim()}`, 40).split('\n')).toEqual([
      '  word word word word word word',
      ...['        word word word word word word', '        word word word word word word'],
      '        word word',
    ])
  })

  test('names and values keep their values', () => {
    expect(
      facts(
        [
          ['a', 'x '.repeat(60).trim()],
          ['bcd', 'y'],
        ],
        40,
      ),
    ).toMatch(/^a {4}x x[ x\n]+\nbcd {2}y$/)
  })
})

describe('each table of the commands that ask serve', () => {
  const hostile = `${'"a\u001b[2J\u202e字👩‍👩‍👧‍👦 x"'.repeat(8)}@${'long-label.'.repeat(20)}example.org`
  let admin: Admin
  beforeAll(async () => {
    const context = sampleContext()
    const [split] = await context.splits(1)
    if (split === undefined) throw new Error('the sample has no split')
    const named = {
      ...split,
      reversePath: hostile,
      client: hostile,
      messageId: `<${hostile}>`,
      peer: hostile,
      recipients: split.recipients.map((one) => ({
        ...one,
        address: hostile,
        ...(one.state === 'answered' ? {} : { missingAt: 1 }),
      })),
    }
    context.splits = async () => await Promise.resolve([named])
    context.missing = async () => await Promise.resolve([named])
    context.split = async () => await Promise.resolve(named)
    context.held = [
      { ...heldSplit, reversePath: hostile, client: hostile, held: [hostile], waiting: [hostile] },
    ]
    const all = context.peers().map((peer) => ({ ...peer, name: hostile, match: hostile }))
    context.peers = () => all
    const learned = context
      .senders()
      .map((sender) => ({ ...sender, name: hostile, why: `because of ${hostile}` }))
    context.senders = () => learned
    admin = await startAdmin({ host: '127.0.0.1', port: 0, context })
  })
  afterAll(async () => {
    process.exitCode = 0
    await admin.close()
  })

  test.each([
    [['peers']],
    [['peers', 'learned']],
    [['splits']],
    [['splits', '--missing']],
    [['splits', 'AAAABBBBCCCCDDDD']],
    [['splits', 'forgive', 'AAAABBBBCCCCDDDD', '--dry-run']],
    [['drain', '--no-wait']],
  ])('rcptwise %j', async (args) => {
    let out = ''
    const program = new Command('rcptwise')
      .exitOverride()
      .configureOutput({ writeOut: (text) => (out += text) })
    for (const { register } of [peers, splits, strategy, drain]) register(program)
    await program.parseAsync([...args, '--admin', `http://127.0.0.1:${admin.port}`], {
      from: 'user',
    })
    expect(out).toContain('long-')
    expect(out).not.toMatch(unfit)
    // Sentences are no table.
    const lines = out.split('\n').filter((line) => !/: somebody has it|this is about/.test(line))
    expect(Math.max(...lines.map(widthOf))).toBeLessThanOrEqual(80)
  })
})
