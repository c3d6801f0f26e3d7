import { describe, expect, it } from 'vitest'
import {
  type MetricDescription,
  metricDescriptions,
  metricPrefix,
} from '../../src/metrics/metrics.ts'
import { queriesOf, readAlerts, readDashboard } from './dashboard.ts'

/** Every name that a query may use: a histogram is queried by its parts. */
const exported = new Set(
  Object.values<MetricDescription>(metricDescriptions).flatMap(({ name, type }) =>
    (type === 'histogram' ? ['_bucket', '_sum', '_count'] : ['']).map(
      (part) => metricPrefix + name + part,
    ),
  ),
)
const namesIn = (text: string): readonly string[] => text.match(/\brcptwise_[a-z_]+/g) ?? []
const dashboard = readDashboard()
const shown = dashboard.panels.filter(({ type }) => type !== 'row')

const alerts = readAlerts()

describe('the dashboard', () => {
  it.each(shown)(
    'panel "$title" says what it shows, and asks for something',
    ({ description, targets = [] }) => {
      expect(description?.length).toBeGreaterThan(30)
      expect(targets.length).toBeGreaterThan(0)
    },
  )

  it('asks only for metrics that exist, and only with variables that it has', () => {
    const variables = new Set(dashboard.templating.list.map(({ name }) => name))
    expect(variables).toEqual(new Set(['datasource', 'peer', 'instance']))
    const definitions = dashboard.templating.list.map(({ definition = '' }) => definition)
    const names = [
      ...queriesOf(dashboard).map(({ expression }) => expression),
      ...definitions,
    ].flatMap(namesIn)
    expect(names.filter((name) => !exported.has(name))).toEqual([])
    for (const { expression } of queriesOf(dashboard)) expect(expression).not.toContain('$')
  })

  it('README.md: “Grafana shows what these retries cost.” It shows every metric of the table', () => {
    const asked = new Set(queriesOf(dashboard).flatMap(({ expression }) => namesIn(expression)))
    const missing = Object.values<MetricDescription>(metricDescriptions).filter(
      ({ name }) =>
        ![...asked].some(
          (used) => used === metricPrefix + name || used.startsWith(`${metricPrefix}${name}_`),
        ),
    )
    // Ended sessions are shown by what ended them.
    expect(missing.map(({ name }) => name)).toEqual(['sessions_total'])
  })

  it('has panels of their own ids that do not cover one another', () => {
    expect(new Set(dashboard.panels.map(({ id }) => id)).size).toBe(dashboard.panels.length)
    const cells = dashboard.panels.flatMap(({ gridPos: { x, y, w, h } }) => {
      expect(x + w).toBeLessThanOrEqual(24)
      return Array.from({ length: w * h }, (_, i) => `${x + (i % w)} ${y + Math.floor(i / w)}`)
    })
    expect(new Set(cells).size).toBe(cells.length)
  })
})

describe('the alerts', () => {
  it.each(alerts)(
    '$alert says what to do, and uses metrics that exist',
    ({ expr, labels, annotations }) => {
      expect(namesIn(expr).length).toBeGreaterThan(0)
      expect(namesIn(expr).filter((name) => !exported.has(name))).toEqual([])
      expect(['critical', 'warning']).toContain(labels.severity)
      expect(annotations.runbook.length).toBeGreaterThan(100)
    },
  )

  it('cover the losses, strategies.md: “An alert fires on them (grafana/alerts.yaml).”', () => {
    expect(alerts.map(({ alert }) => alert)).toEqual(
      expect.arrayContaining([
        'RcptwiseAbandonedRecipients',
        'RcptwiseMissingRecipients',
        'RcptwiseLedgerNotDurable',
        'RcptwiseBackendErrors',
        'RcptwiseBackendRefusesUs',
        'RcptwiseBackendDown',
        'RcptwiseWorkerHung',
        'RcptwiseNoTraffic',
      ]),
    )
  })
})
