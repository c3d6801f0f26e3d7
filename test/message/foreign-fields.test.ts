/** Fields that only this site may write, in whatever form a stranger writes them. */
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { editHeader } from '../../src/message/edited-header.ts'
import { checkEdits, type Edits } from '../../src/message/edits.ts'
import { foreignNames } from '../../src/message/foreign-fields.ts'
import { headerFieldsLimit } from '../../src/message/header-fields.ts'
import {
  headerLimitBytes,
  HeaderReader,
  type HeaderSection,
} from '../../src/message/header-section.ts'
import { octet } from '../smtp/splits.ts'
import { runs } from '../support/properties.ts'

const host = 'mx.Test'

function removing(): Edits {
  const edits = checkEdits([{ do: 'removeForeign', host }])
  if ('failed' in edits) throw new Error(edits.failed)
  return edits
}

const sectionOf = (header: string): HeaderSection => {
  const reader = new HeaderReader()
  return reader.push(octet(`${header}\r\nbody`)) ?? reader.end()
}

function left(header: string): string {
  const section = sectionOf(header)
  const edited = editHeader(section, [removing()]).header.toString('latin1')
  expect(foreignNames(section, host).length > 0, header).toBe(
    edited !== section.header.toString('latin1'),
  )
  return edited
}

const kept = 'From: a@example.net\r\nSubject: x\r\n'

it('their names are told once each, as they are first written', () => {
  const header = 'x-spam-score: 1\r\nSubject: x\r\nX-Spam-Score: 2\r\nX-Rspamd-Bar: -\r\n\r\n'
  expect(foreignNames(sectionOf(header), host)).toEqual(['x-spam-score', 'X-Rspamd-Bar'])
})

describe('a field that only this site may write', () => {
  it.each([
    'X-Spam-Score: -50\r\n',
    'X-Spam-Status: No, score=-50\r\n\trequired=5\r\n',
    'x-sPaM-flag: NO\r\n',
    'X-Spam-Flag : NO\r\n',
    'X-Spam-Flag\t:\r\n NO\r\n',
    'X-Spamd-Result: default: False [-50.00 / 15.00];\r\n',
    'X-Spamd-Bar: -----\r\n',
    'X-Rspamd-Score: -50\r\n',
    'X-Rcptwise-Verdict: accept\r\n',
    'X-Spam-Score:\r\n',
    'Authentication-Results: mx.test; dkim=pass\r\n',
    'authentication-results:\r\n MX.TEST;\r\n dkim=pass\r\n',
    'Authentication-Results: (hello) mx.test (world) 1; none\r\n',
    'Authentication-Results: "mx.test"; none\r\n',
    'Authentication-Results: mx.test\r\n',
    'Authentication-Results: mx.test(x); none\r\n',
    'Authentication-Results: (;) mx.test; dkim=pass\r\n',
    'Authentication-Results: (a(;)\\);) mx.test; dkim=pass\r\n',
    'Authentication-Results: "mx\\.test"; dkim=pass\r\n',
    'Authentication-Results: mx.test\0; dkim=pass\r\n',
  ])('is removed: %j', (field) => {
    expect(left(field + kept)).toBe(kept)
    expect(left(kept + field)).toBe(kept)
    expect(left(`From: a@example.net\r\n${field}${field}Subject: x\r\n`)).toBe(kept)
  })

  it.each([
    'X-Spam: no\r\n',
    'X-Spammer-Score: 1\r\n',
    'NX-Spam-Score: 1\r\n',
    'Subject: a\r\n X-Spam-Score: 1\r\n',
    'Comments: X-Spam-Score: 1\r\n',
    'Authentication-Results: mx.example.net; dkim=pass (mx.test)\r\n',
    'Authentication-Results: mx.example.net (a); dkim=pass (mx.test)\r\n',
    'Authentication-Results: mx.test.example.net; none\r\n',
    'ARC-Authentication-Results: i=1; mx.test; none\r\n',
    'DKIM-Signature: v=1; h=X-Spam-Score\r\n',
  ])('another one is left as it came: %j', (field) => {
    expect(left(field + kept)).toBe(field + kept)
  })

  it('is removed from between thousands, and nothing else is', () => {
    const many = Array.from({ length: 4000 }, (_, i) => `A${i}: b\r\n`).join('')
    expect(left(`${many}X-Spam-Score: -50\r\n${many}`)).toBe(many + many)
  })

  it('is removed behind more fields than are read', () => {
    const many = 'A: b\r\n'.repeat(headerFieldsLimit + 1)
    expect(left(`${many}X-Spam-Score: -50\r\n${many}`)).toBe(many + many)
  })

  it.each([
    'From ann@example.net Mon Nov 30 05:00:00 2026\r\n',
    '>From ann@example.net\r\n',
    'this is no field\r\n',
    ' \r\n',
    ': no name\r\n',
    'bare LF\n',
  ])('is removed in front of %j and behind it: some read fields there, too', (line) => {
    const field = 'X-Spam-Flag: NO\r\n\tfolded\r\n'
    expect(left(`${line}${field}Subject: x\r\n${field}`)).toBe(`${line}Subject: x\r\n`)
    expect(left(`A: b\r\n${line}${field}Subject: x\r\n`)).toBe(`A: b\r\n${line}Subject: x\r\n`)
  })

  it("known-limits.md: “A stranger's field behind the first 256 KiB of a header section stays” One that is cut there stays, too", () => {
    const long = `A: ${'a'.repeat(headerLimitBytes - 60)}\r\n`
    const section = sectionOf(
      `X-Spam-A: 1\r\n${long}X-Spam-B: 2\r\nX-Spam-C: ${'c'.repeat(100)}\r\n`,
    )
    expect(section.end).toBe('limit')
    const edited = editHeader(section, [removing()]).header.toString('latin1')
    expect(edited).toMatch(/^A: a+\r\nX-Spam-C: c+$/)
  })

  it('property: what is left has none, and the others are what they were, in their order', () => {
    const field = fc.constantFrom(
      'A: b\r\n',
      'Subject: X-Spam-Score: 1\r\n x\r\n',
      'X-Spam-Score: 1\r\n',
      'x-rspamd-a :\r\n\tb\r\n',
      'Authentication-Results: mx.test; x\r\n',
      'Authentication-Results: other; x\r\n',
      'From x\r\n',
      'no field\r\n',
    )
    fc.assert(
      fc.property(fc.array(field, { maxLength: 30 }), (fields) => {
        const ours = /^(?:x-|authentication-results: mx)/i
        expect(left(fields.join(''))).toBe(fields.filter((one) => !ours.test(one)).join(''))
      }),
      { numRuns: runs(500) },
    )
  })
})
