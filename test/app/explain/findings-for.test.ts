/** What judges say of single recipients stays theirs in every attempt. */
import fc from 'fast-check'
import { expect, test } from 'vitest'
import { findingsFor } from '../../../src/app/explain/findings-for.ts'
import type { JudgedEnvelope } from '../../../src/judge/judge.ts'
import type { Said } from '../../../src/verdict/judgement.ts'
import { scoreFor } from '../../../src/verdict/wanted.ts'
import { found } from '../../support/found.ts'

const envelopeOf = (recipients: ReadonlyMap<number, string>): JudgedEnvelope => ({
  id: 'x.1',
  client: { address: '192.0.2.1', port: 0, helo: 'x' },
  authenticated: false,
  reversePath: '',
  parameters: new Map(),
  recipients: [...recipients].map(([index, address]) => ({ index, address, group: '' })),
  firstRecipients: [],
  hostname: 'mx.test',
})

test('each recipient of an attempt has the score that was found for them, wherever they stand', () => {
  const recipients = fc.uniqueArray(fc.integer({ min: 0, max: 30 }), {
    minLength: 1,
    maxLength: 10,
  })
  fc.assert(
    fc.property(recipients, recipients, (asked, places) => {
      const own = new Map<number, Said>(asked.map((index) => [index, { score: index * 10 }]))
      const findings = found({ kind: 'judged', symbols: [], score: -1, own })
      const first = envelopeOf(new Map(asked.map((index) => [index, `r${index}@example.org`])))
      const now = new Map(
        places.slice(0, asked.length).map((place, i) => [place, `r${asked[i] ?? 0}@example.org`]),
      )
      const moved = findingsFor(findings, first, envelopeOf(now))
      for (const [place, address] of now)
        expect(scoreFor(moved, place)).toBe(Number(/\d+/.exec(address)?.[0]) * 10)
    }),
  )
})

test('whom a judge was not asked about is not judged by it in any attempt', () => {
  const findings = found({ kind: 'judged', symbols: [], score: 9 }, { notAbout: new Set([1]) })
  const first = envelopeOf(
    new Map([
      [0, 'a@x'],
      [1, 'b@x'],
    ]),
  )
  const moved = findingsFor(findings, first, envelopeOf(new Map([[0, 'b@x']])))
  expect(moved.all[0]?.notAbout).toEqual(new Set([0]))
})
