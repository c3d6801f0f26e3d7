import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { canonicalDomain, canonicalDomainOf, canonicalPattern } from '../../src/smtp/domain.ts'
import { octetsOf } from '../../src/smtp/octets.ts'
import { runs } from '../support/properties.ts'

describe('one spelling of a domain', () => {
  test.each([
    ['case', 'Example.ORG', 'example.org'],
    ['a final dot', 'example.org.', 'example.org'],
    ['U-label', 'exämple.org', 'xn--exmple-cua.org'],
    ['U-label in NFD', 'exa\u0308mple.org', 'xn--exmple-cua.org'],
    ['U-label in upper case', 'EXÄMPLE.ORG', 'xn--exmple-cua.org'],
    ['U-label with a final dot', 'exämple.org.', 'xn--exmple-cua.org'],
    ['A-label', 'xn--exmple-cua.org', 'xn--exmple-cua.org'],
    ['A-label in upper case', 'XN--EXMPLE-CUA.ORG', 'xn--exmple-cua.org'],
    ['ideographic full stop', 'exämple。org。', 'xn--exmple-cua.org'],
    ['ß is no ss (IDNA 2008)', 'faß.test', 'xn--fa-hia.test'],
    ['capital sigma at the end', 'ΟΔΟΣ.test', 'xn--pxavbq.test'],
    ['Kelvin sign', '\u212aelvin.test', 'kelvin.test'],
    ['low bytes that are CR and LF', '不上.test', 'xn--fhqf.test'],
    ['emoji', '💩.test', 'xn--ls8h.test'],
    ['underscore', 'my_host.test', 'my_host.test'],
    ['one label', 'localhost', 'localhost'],
    ['numbers are no address', '1.2', '1.2'],
    ['wide numbers', '１.２', '1.2'],
    ['number behind a U-label', 'ä.1', 'xn--4ca.1'],
    ['what only looks like an A-label', 'xn--999999.test', 'xn--999999.test'],
  ])('%s: %s', (_name, name, canonical) => {
    expect(canonicalDomain(name)).toBe(canonical)
    expect(canonicalDomain(canonical)).toBe(canonical)
    expect(canonicalDomainOf(octetsOf(name))).toBe(canonical)
  })

  test.each([
    ['nothing', ''],
    ['a dot', '.'],
    ['a dot first', '.example.org'],
    ['an address literal', '[192.0.2.1]'],
    ['a slash', 'ä/b.test'],
    ['a percent sign', 'ä%41.test'],
    ['an at', 'ä@b.test'],
    ['a blank', 'ä b.test'],
    ['nothing visible', '\u200b.test'],
    ['a line separator', 'a\u2028.test'],
    ['CR and LF', 'ä\r\nb.test'],
    ['the replacement character', '\ufffd.test'],
    ['half a character', '\ud800.test'],
  ])('no domain: %s', (_name, name) => expect(canonicalDomain(name)).toBeUndefined())

  test('octets that are no UTF-8 are no domain', () =>
    expect(canonicalDomainOf('ex\xe4mple.org')).toBeUndefined())

  test('a pattern is a domain behind *.', () => {
    expect(canonicalPattern('*.EXÄMPLE.org.')).toBe('*.xn--exmple-cua.org')
    expect(canonicalPattern('Example.org')).toBe('example.org')
    expect(canonicalPattern('*.')).toBeUndefined()
    expect(canonicalPattern('a.*.org')).toBeUndefined()
  })

  test('of whatever characters: ASCII, in lower case, and its own canonical spelling', () => {
    const name = fc.oneof(
      fc.string({ unit: 'binary' }),
      fc.domain(),
      fc.string({ unit: 'grapheme-composite' }),
    )
    fc.assert(
      fc.property(name, (drawn) => {
        const canonical = canonicalDomain(drawn)
        if (canonical === undefined) return
        expect(canonical).toMatch(/^[a-z0-9_][a-z0-9_.-]*$/)
        expect(canonicalDomain(canonical)).toBe(canonical)
        expect(canonicalDomain(`${canonical.toUpperCase()}.`)).toBe(canonical)
      }),
      { numRuns: runs(5000) },
    )
  })
})
