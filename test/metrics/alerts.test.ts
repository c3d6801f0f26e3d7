/** Rules ask for what exists, and each alert says what it means and leads to its page. */
import { readFileSync } from 'node:fs'
import { describe, expect, it } from 'vitest'
import { knownSeries, readAlerts, readRules } from './dashboard.ts'
import { checkPromql } from './promql/check.ts'

const known = await knownSeries()
const alerts = readAlerts()

describe('the rules', () => {
  it.each(readRules())('$alert$record asks for what exists', ({ expr }) => {
    expect(checkPromql(expr, known).faults).toEqual([])
  })
})

describe('the alerts', () => {
  it.each(alerts)('$alert says how bad it is, and leads to its section', (rule) => {
    const { alert, labels, annotations } = rule
    expect(['critical', 'warning']).toContain(labels?.severity)
    expect(annotations?.summary.length).toBeGreaterThan(20)
    expect(annotations?.description.length).toBeGreaterThan(20)
    expect(annotations?.runbook_url).toBe(
      `file:///usr/share/doc/rcptwise/alerts.md#${alert.toLowerCase()}`,
    )
  })

  it.each(alerts)('$alert names labels that it has', ({ expr, annotations }) => {
    const { labels } = checkPromql(expr, known)
    const text = `${annotations?.summary ?? ''} ${annotations?.description ?? ''}`
    const named = [...text.matchAll(/\$labels\.(\w+)/g)].map(([, label = '']) => label)
    expect(named.filter((label) => labels?.has(label) !== true)).toEqual([])
  })

  it('have a section each in docs/alerts.md, which says what it means, who is harmed, what you do', () => {
    const page = readFileSync(new URL('../../docs/alerts.md', import.meta.url), 'utf8')
    const [, ...sections] = page.split(/^## /m)
    expect(sections.map((section) => section.split('\n')[0])).toEqual(
      expect.arrayContaining(alerts.map(({ alert }) => alert)),
    )
    expect(sections).toHaveLength(alerts.length)
    for (const section of sections)
      for (const part of ['What it means', 'Who is harmed', 'What you do'])
        expect(section).toContain(`**${part}:**`)
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
