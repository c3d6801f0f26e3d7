/** `log.addresses`: no line says more of an address than is wanted, whoever has written it. */
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import type { Fact } from '../../src/facts/fact.ts'
import { addressKeeper } from '../../src/history/addresses.ts'
import { logFromFacts } from '../../src/log/from-facts.ts'
import { hideAddresses, type KeepAddress } from '../../src/log/hidden-addresses.ts'
import { createLog, type LogOptions } from '../../src/log/log.ts'
import { everyKind, recipient, transaction } from '../metrics/sample-facts.ts'

const key = Buffer.alloc(32, 7)
const byDomain = addressKeeper('domain', key).keep
const byHash = addressKeeper('hash', key).keep

function written(
  facts: readonly Fact[],
  keepAddress: KeepAddress,
  format: LogOptions['format'] = 'json',
): string {
  let text = ''
  const log = createLog({ level: 'debug', format, keepAddress, write: (line) => (text += line) })
  const listen = logFromFacts(log)
  for (const fact of facts) listen(fact)
  return text
}

/** In each local part, so that any of it is seen. */
const mark = 'zq7'
const around = fc.stringMatching(/^[a-z0-9!#$%&*+/=?^_`{|}~-]{0,12}$/)
const inQuotes = fc.stringMatching(/^(?:[ a-z@<>(),;:.[\]ü字]|\\"|\\\\){0,12}$/)
const localPart = fc.oneof(
  fc.tuple(around, around).map(([a, b]) => `${a}${mark}${b}`),
  fc.tuple(around, around).map(([a, b]) => `a${a}.${mark}ü${b}`),
  fc.tuple(inQuotes, inQuotes).map(([a, b]) => `"${a}${mark}${b}"`),
)
const address = fc
  .tuple(
    localPart,
    fc.constantFrom('example.org', 'bücher.example', '[192.0.2.1]', '[IPv6:2001:db8::1]'),
  )
  .map(([local, domain]) => `${local}@${domain}`)

/** As servers speak of an address. */
const spoken = fc
  .tuple(
    fc.constantFrom('', '550 5.1.1 ', 'said "no" to ', "can't find '", `${'x'.repeat(985)} `),
    fc.constantFrom(
      'ADDRESS',
      '<ADDRESS>',
      '<ADDRESS>: <ADDRESS>',
      'ADDRESS.',
      '(ADDRESS, ADDRESS)',
      'rcpt=<ADDRESS>;',
    ),
    fc.constantFrom('', ': User unknown', ' does not exist', "'", ' – "x y"'),
  )
  .map((parts) => parts.join(''))

const withAddress = (value: unknown, said: string, one: string): unknown => {
  if (typeof value === 'string')
    return value.includes('@')
      ? one
      : value.includes(' ')
        ? said.replaceAll('ADDRESS', () => one)
        : value
  if (Array.isArray(value)) return value.map((each) => withAddress(each, said, one))
  if (typeof value !== 'object' || value === null) return value
  return Object.fromEntries(
    Object.entries(value).map(([name, each]) => [
      name,
      name === 'messageId' || name === 'because' ? each : withAddress(each, said, one),
    ]),
  )
}

describe('log.md: “This holds for the fields of a line, for the replies of servers and for the words of errors.”', () => {
  test.each(['json', 'pretty', 'line'] as const)('property: every event, %s', (format) => {
    fc.assert(
      fc.property(address, spoken, (one, said) => {
        const facts = everyKind.map((fact) => withAddress(fact, said, one) as Fact)
        for (const keep of [byDomain, byHash]) {
          const text = written(facts, keep, format)
          expect(text).not.toContain(mark)
          expect(text.split('\n').length).toBeGreaterThan(facts.length / 2)
        }
      }),
      { numRuns: 100 },
    )
  })

  test('so many places have one that the property means something', () => {
    const facts = everyKind.map((fact) => withAddress(fact, 'no ADDRESS', `${mark}@a.b`) as Fact)
    const lines = written(facts, (all) => all).split('\n')
    expect(lines.filter((line) => line.includes(mark)).length).toBeGreaterThan(15)
  })

  test('lines that are no facts', () => {
    let text = ''
    const log = createLog({
      level: 'info',
      format: 'json',
      keepAddress: byDomain,
      write: (line) => (text += line),
    })
    log.warn({ event: 'trouble' }, 'no mailbox for <ann@example.org>')
    expect(JSON.parse(text)).toMatchObject({ msg: 'no mailbox for <@example.org>' })
  })
})

test('log.md: “A reply that names a mailbox without its domain (550 ann: unknown) is hidden, too, if the line has the address in a field.”', () => {
  const fact = transaction({
    reversePath: 'shop@sender.example',
    messageId: '<1@sender.example>',
    recipients: [recipient('Ann@example.org', { reply: '550 5.1.1 ann: User unknown' })],
  })
  const line = JSON.parse(written([fact], byDomain)) as Record<string, unknown>
  expect(line).toMatchObject({
    from: '@sender.example',
    messageId: '<1@sender.example>',
    recipients: [{ to: '@example.org', reply: '550 5.1.1 @example.org: User unknown' }],
  })
  expect(written([fact], byHash)).toContain(byHash('Ann@example.org'))
})

test.each([
  ['550 <ann@example.org>: no', '550 <@example.org>: no'],
  ['ann@example.org.', '@example.org.'],
  ["'ann@example.org'", "'@example.org'"],
  ['"a b@c"@example.org said "x"', '@example.org said "x"'],
  ['said "no" to "a \\" b"@[192.0.2.1]', 'said "no" to @[192.0.2.1]'],
  ['a@b@example.org', '@example.org'],
  ['to:<a@b.c>,<d@e.f>', 'to:<@b.c>,<@e.f>'],
  ['nobody here', 'nobody here'],
  ['@', '@'],
])('%s is %s', (text, shown) => {
  expect(hideAddresses(text, byDomain)).toBe(shown)
  // What was hidden once stays as it is.
  expect(hideAddresses(shown, byDomain)).toBe(shown)
})
