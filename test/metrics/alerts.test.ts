/** Rules ask for what exists, and each alert says what it means and leads to its page. */
import { describe, expect, it } from 'vitest'
import { knownSeries, readAlerts, readRules } from './dashboard.ts'
import { checkPromql } from './promql/check.ts'

const known = knownSeries()
const alerts = readAlerts()

describe('the rules', () => {
  it.each(readRules())('$alert$record asks for what exists', ({ expr }) => {
    expect(checkPromql(expr, known).faults).toEqual([])
  })
})

describe('the alerts', () => {
  it.each(alerts)('$alert says how bad it is, and what it means', ({ labels, annotations }) => {
    expect(['critical', 'warning']).toContain(labels?.severity)
    expect(annotations?.summary.length).toBeGreaterThan(20)
  })

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
