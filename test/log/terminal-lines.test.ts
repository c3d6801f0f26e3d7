/** `log.format: pretty`: for people at a terminal. */
import { expect, test } from 'vitest'
import type { Fact } from '../../src/facts/fact.ts'
import { logFromFacts } from '../../src/log/from-facts.ts'
import { createLog } from '../../src/log/log.ts'
import { everyKind, recipient, transaction } from '../metrics/sample-facts.ts'

function linesOf(...facts: readonly Fact[]): readonly string[] {
  let text = ''
  const log = createLog({ level: 'debug', format: 'pretty', write: (line) => (text += line) })
  const listen = logFromFacts(log)
  for (const fact of facts) listen(fact)
  return text.split('\n').slice(0, -1)
}

const accepted = { verdict: 'accept', reply: '250 2.0.0 Ok' } as const
const low = { because: 'below limits' } as const

test.each<readonly [string, Fact, RegExp]>([
  [
    'one recipient takes it',
    transaction({ recipients: [recipient('ann@example.org', { ...accepted, reason: low })] }),
    /^\d\d:\d\d:\d\d {7}sender@example\.net \(192\.0\.2\.1\) to ann@example\.org: accepted$/,
  ],
  [
    'they differ, and the line says why',
    transaction({
      reversePath: '',
      recipients: [
        recipient('ann@example.org', { ...accepted, reason: low }),
        recipient('bob@example.org', {
          verdict: 'tag',
          reason: { because: 'tag_at', score: 9.5, threshold: 6 },
          reply: '250 2.0.0 Ok',
        }),
        recipient('cho@example.org', {
          fate: 'deferred',
          verdict: 'reject',
          reason: {
            because: 'rule 2',
            overrules: { because: 'reject_at', score: 9.5, threshold: 8 },
          },
          reply: '451 4.5.3 later',
        }),
      ],
    }),
    / <> \(192\.0\.2\.1\) to ann@example\.org and 2 more: 1 accepted, 1 accepted \(tag\), 1 deferred; tag_at \(score 9\.5, from 6\), rule 2, not reject_at \(score 9\.5, from 8\)$/,
  ],
  [
    'it is refused',
    transaction({
      recipients: [
        recipient('ann@example.org', {
          reply: '550 5.7.1 no',
          reason: { because: 'relay denied' },
        }),
      ],
    }),
    /: refused; relay denied$/,
  ],
  [
    'nobody was named',
    transaction({ recipients: [], outcome: 'aborted' }),
    /sender@example\.net \(192\.0\.2\.1\): aborted/,
  ],
])('%s', (_name, fact, line) => {
  const [first, ...more] = linesOf(fact)
  expect(first).toMatch(line)
  expect(more).toEqual([])
})

test('log.md: “On a terminal a message looks like this” Every event has one short line', () => {
  const lines = linesOf(...everyKind)
  expect(lines.length).toBeGreaterThan(40)
  for (const line of lines) {
    expect(line).toMatch(/^\d\d:\d\d:\d\d (?:ERROR|WARN |debug| {5}) \S/)
    expect(line.length).toBeLessThan(430)
  }
})
