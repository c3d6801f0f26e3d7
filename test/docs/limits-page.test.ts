/**
 * The tables of docs/limits.md are what the schema, the metrics and the replies say. What a limit
 * does is shown where the limit is tested.
 */
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { documentedKeys } from '../../src/config/schema-keys.ts'
import { limitNames } from '../../src/metrics/initialise.ts'
import { metricDescriptions, metricPrefix } from '../../src/metrics/metrics.ts'
import { replies } from '../../src/smtp/replies.ts'
import type { Reply } from '../../src/smtp/reply.ts'

const root = join(import.meta.dirname, '..', '..')
const page = readFileSync(join(root, 'docs', 'limits.md'), 'utf8')

interface Row {
  readonly limit: string
  readonly key: string
  readonly fallback: string
  readonly metric: string
  readonly said: string
}

const rows = [...page.matchAll(/^\| (`[^|]+?) \| ([^|]*?) \| ([^|]*?) \| ([^|]*?) \|$/gm)].map(
  ([, limit = '', fallback = '', metric = '', said = '']): Row => {
    const key = /^`([^`]+)`/.exec(limit)?.[1] ?? ''
    return { limit, key, fallback, metric: metric.replaceAll('`', ''), said }
  },
)
/** Rows whose first cell is a key, with a default of its own in the schema. */
const keyed = rows.filter(({ key }) =>
  documentedKeys().some((documented) => documented.key === key),
)

const spoken = (reply: Reply): string =>
  reply.detail === undefined
    ? `${reply.code} ${reply.lines[0]}`
    : `${reply.code} ${Math.floor(reply.code / 100)}.${reply.detail} ${reply.lines[0]}`
const all = Object.values(replies).flatMap((reply) =>
  typeof reply === 'function' ? [] : [spoken(reply)],
)
const known = [...all, spoken(replies.messageTooLarge(1))]

describe('limits.md: “table under Sessions” “table under Rates” “table under One session” “table under Slow clients”', () => {
  test('there are rows', () => expect(keyed.length).toBeGreaterThan(20))
  test.each(keyed)('$limit has the default of the schema', ({ key, fallback }) => {
    const documented = documentedKeys()
      .find((one) => one.key === key)
      ?.default?.replaceAll('`', '')
    expect(fallback.replaceAll('`', '')).toBe(
      documented === undefined || documented === '' ? 'none' : documented,
    )
  })
  test.each(rows.filter(({ metric }) => metric !== ''))(
    '$limit has the metric $metric',
    ({ metric }) => {
      const name = /^rcptwise_([a-z_]+)/.exec(metric)?.[1]
      if (name === undefined) expect(limitNames).toContain(metric)
      else
        expect(Object.values(metricDescriptions).map((described) => described.name)).toContain(name)
      expect(metricPrefix).toBe('rcptwise_')
    },
  )
  test.each(rows.filter(({ said }) => /`\d{3} /.test(said)))('$limit: $said', ({ said }) => {
    const reply = /`(\d{3} [^`]+)`/.exec(said)?.[1] ?? ''
    expect(known.filter((one) => one.startsWith(reply))).not.toEqual([])
  })
})

test('limits.md: “`rcptwise_limit_hits_total{limit="…"}` counts each limit that has a metric label below.”', () => {
  const labels = rows
    .map(({ metric }) => metric)
    .filter((metric) => metric !== '' && !metric.startsWith(metricPrefix))
  expect([...new Set(labels)].sort()).toEqual([...limitNames].sort())
})

describe('limits.md: “It answers 5yz only for limits that a retry cannot fix (the size of a message, its header section, the length of a line).”', () => {
  const lasting = [
    'limits.message_size',
    'limits.header',
    'limits.text_line',
    'limits.command_line',
  ]
  test('limits.md: “Rcptwise answers a limit on how much or how often with 4yz and never 5yz”', () => {
    for (const { key, said } of rows) {
      const code = /`(\d)\d\d /.exec(said)?.[1]
      if (code !== undefined)
        expect(`${key} ${code}yz`).toBe(`${key} ${lasting.includes(key) ? '5' : '4'}yz`)
    }
  })
})

test("limits.md: “The Debian package's unit does so for the default of `limits.sessions`.”", () => {
  const unit = readFileSync(join(root, 'deploy', 'systemd', 'rcptwise.service'), 'utf8')
  const files = Number(/^LimitNOFILE=(\d+)$/m.exec(unit)?.[1])
  const sessions = Number(keyed.find(({ key }) => key === 'limits.sessions')?.fallback)
  expect(sessions).toBeGreaterThan(0)
  expect(files).toBeGreaterThan(2 * sessions)
})
