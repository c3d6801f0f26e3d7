/**
 * The dashboards are what their code gives, ask for what exists, and keep the rules of Grafana's
 * dashboard-linter, each under its name there.
 */
import { readdirSync, readFileSync } from 'node:fs'
import { parser as logql } from '@grafana/lezer-logql'
import { describe, expect, it } from 'vitest'
import {
  type MetricDescription,
  metricDescriptions,
  metricPrefix,
} from '../../src/metrics/metrics.ts'
import { renderDashboards } from '../../tools/dashboards.ts'
import {
  asSent,
  dashboardsFolder,
  knownSeries,
  type Panel,
  panelsOf,
  queriesOf,
  readDashboards,
  type Target,
} from './dashboard.ts'
import { checkPromql } from './promql/check.ts'
import { parsePromql, within } from './promql/tree.ts'

const known = await knownSeries()
const dashboards = readDashboards()
const panels = dashboards.flatMap((dashboard) =>
  panelsOf(dashboard).map((panel) => ({ name: `${dashboard.uid}: ${panel.title}`, panel })),
)
const targets = panels.flatMap(({ name, panel }) =>
  (panel.targets ?? []).map((target) => ({
    name: `${name} ${target.refId}`,
    panel,
    target,
  })),
)
const asksPrometheus = ({ target }: { readonly target: Target }): boolean =>
  target.datasource.type === 'prometheus'
const toPrometheus = targets.filter(asksPrometheus)
const toLoki = targets.filter((asked) => !asksPrometheus(asked))

describe('the committed dashboards', () => {
  it('are what tools/dashboards gives (stale? node tools/dashboards.ts)', () => {
    const rendered = renderDashboards()
    expect(readdirSync(dashboardsFolder).toSorted()).toEqual([...rendered.keys()].toSorted())
    for (const [name, text] of rendered)
      expect(readFileSync(`${dashboardsFolder}${name}`, 'utf8')).toBe(text)
  })

  it('README.md: “Grafana shows what these retries cost.” Every metric of docs/metrics.md is on one', () => {
    const used = queriesOf(dashboards).map(({ expression }) => expression)
    const names = new Set(used.flatMap((text) => text.match(/\brcptwise_[a-z_]+/g) ?? []))
    const missing = Object.values<MetricDescription>(metricDescriptions)
      .map(({ name }) => metricPrefix + name)
      .filter((name) => ![...names].some((one) => one === name || one.startsWith(`${name}_`)))
    expect(missing).toEqual([])
  })

  it.each(dashboards)('$title: panels have their own ids and do not cover one another', (board) => {
    const all = [...board.panels, ...board.panels.flatMap(({ panels: inner = [] }) => inner)]
    expect(new Set(all.map(({ id }) => id)).size).toBe(all.length)
    // Of rows only one is open at a time: what is in them may have the places of others.
    const cells = board.panels.flatMap((panel) => cellsOf(panel))
    expect(new Set(cells).size).toBe(cells.length)
    for (const { panels: inner = [] } of board.panels) {
      const within = inner.flatMap((panel) => cellsOf(panel))
      expect(new Set(within).size).toBe(within.length)
    }
  })

  it.each(dashboards)('$title: a first screen without a row, and all rows closed', (board) => {
    const rows = board.panels.filter(({ type }) => type === 'row')
    expect(rows.every(({ collapsed }) => collapsed)).toBe(true)
    expect(board.panels[0]?.type).not.toBe('row')
  })

  it.each(dashboards)('$title: leads to the others, with what is chosen', ({ links }) => {
    expect(links).toMatchObject([
      { type: 'dashboards', tags: ['rcptwise'], includeVars: true, keepTime: true },
      { type: 'link', title: 'Console', url: '${console}#/senders' },
    ])
  })

  it('have links and annotations in sight, and not in a menu', () => {
    expect(
      JSON.stringify(dashboards.map(({ links, annotations }) => [links, annotations])),
    ).not.toContain('placement')
  })

  it('are read by the names under which others lead to them', () => {
    const text = [...renderDashboards().values()].join('\n')
    const uids = dashboards.map(({ uid }) => uid)
    for (const [, uid] of text.matchAll(/\/d\/([\w-]+)/g)) expect(uids).toContain(uid)
  })
})

function cellsOf({ gridPos: { x, y, w, h } }: Panel): readonly string[] {
  expect(x + w).toBeLessThanOrEqual(24)
  return Array.from({ length: w * h }, (_, i) => `${x + (i % w)} ${y + Math.floor(i / w)}`)
}

describe('annotations', () => {
  const all = dashboards.flatMap(({ uid, annotations }) =>
    annotations.list.map((annotation) => ({ uid, ...annotation })),
  )
  it('tell of changes of strategy, reloads and starts on every dashboard', () => {
    for (const { annotations } of dashboards)
      expect(annotations.list.filter(({ enable }) => enable).map(({ name }) => name)).toEqual([
        'Strategy changed',
        'Configuration read',
        'Started',
        'Worker lost',
      ])
  })
  it.each(all)('$uid, $name: asks for what exists', ({ expr, target, textFormat = '' }) => {
    if (expr === undefined) {
      expect(faultsOfLogql(target?.expr ?? '')).toEqual([])
      return
    }
    const { faults, labels } = checkPromql(asSent(expr), known)
    expect(faults).toEqual([])
    expect(unknownIn(textFormat, labels)).toEqual([])
  })
})

/** Labels that a legend names and its query does not give. */
const unknownIn = (legend: string, labels: ReadonlySet<string> | undefined): readonly string[] =>
  [...legend.matchAll(/\{\{(\w+)\}\}/g)]
    .map(([, label = '']) => label)
    .filter((label) => labels?.has(label) !== true)

function faultsOfLogql(expression: string): readonly string[] {
  const text = asSent(expression)
  const faults: string[] = []
  logql.parse(text).iterate({
    enter: (node) => {
      if (node.type.isError) faults.push(text.slice(Math.max(0, node.from - 20), node.from + 20))
    },
  })
  return faults
}

/** Of Grafana's dashboard-linter, by name. */
describe('dashboard-linter', () => {
  const variables = dashboards.map(({ uid, templating }) => ({ uid, all: templating.list }))

  it.each(variables)('template-datasource-rule: $uid', ({ all }) => {
    const sources = all.filter(({ type }) => type === 'datasource')
    expect(sources).toMatchObject([
      { name: 'datasource', query: 'prometheus', label: 'Data source' },
      { name: 'loki', query: 'loki' },
    ])
  })

  it.each(variables)(
    'template-job-rule, template-instance-rule, template-label-promql-rule, template-on-time-change-reload-rule: $uid',
    ({ all }) => {
      const queried = all.filter(({ type }) => type === 'query')
      expect(queried.map(({ name }) => name)).toEqual(['job', 'instance', 'peer', 'strategy'])
      for (const { name, definition = '', datasource, allValue, multi, refresh } of queried) {
        expect({ datasource: datasource?.uid, allValue, multi, refresh }).toEqual({
          datasource: '${datasource}',
          allValue: '.*',
          multi: true,
          refresh: 2,
        })
        const [, series = '', label = ''] = /^label_values\((.+), (\w+)\)$/.exec(definition) ?? []
        expect(label).toBe(name)
        const selector = parsePromql(asSent(series))
        expect(typeof selector).toBe('object')
        const asked = checkPromql(`count(${asSent(series)})`, known)
        expect(asked.faults).toEqual([])
        const [metric = ''] = /^\w+/.exec(series) ?? []
        expect(known.get(metric)?.labels).toContain(label)
      }
    },
  )

  it.each(panels)('panel-datasource-rule: $name', ({ panel }) => {
    const own = panel.datasource
    expect(own?.uid).toBe(own?.type === 'loki' ? '${loki}' : '${datasource}')
    for (const { datasource } of panel.targets ?? []) expect(datasource).toEqual(own)
  })

  it.each(panels)('panel-title-description-rule, panel-no-targets-rule: $name', ({ panel }) => {
    expect(panel.title.length).toBeGreaterThan(3)
    expect(panel.description?.length).toBeGreaterThan(30)
    expect(panel.targets?.length).toBeGreaterThan(0)
  })

  /** Of Grafana's value formats, those that we use. */
  const units = new Set(['short', 'percent', 'percentunit', 's', 'h', 'bytes', 'Bps', 'cpm'])
  it.each(panels.filter(({ panel }) => panel.type !== 'logs'))(
    'panel-units-rule: $name',
    ({ panel }) => {
      expect(units).toContain(panel.fieldConfig?.defaults?.unit)
    },
  )

  it.each(toPrometheus)(
    'target-promql-rule, target-counter-agg-rule, target-histogram-rule: $name',
    ({ target, panel }) => {
      const { faults, labels } = checkPromql(asSent(target.expr), known)
      expect(faults).toEqual([])
      // Buckets are for a quantile, or for a heat map.
      expect(labels?.has('le') === true).toBe(panel.type === 'heatmap')
    },
  )

  it.each(toPrometheus)('target-legend-rule: $name', ({ target, panel }) => {
    const { labels } = checkPromql(asSent(target.expr), known)
    expect(unknownIn(target.legendFormat, labels)).toEqual([])
    expect(target.legendFormat).not.toBe('')
    // What a line is split by has to stand in its name.
    if (panel.type === 'timeseries')
      for (const label of labels ?? []) expect(target.legendFormat).toContain(`{{${label}}}`)
  })

  it.each(toPrometheus)('target-job-rule, target-instance-rule: $name', ({ target }) => {
    const tree = parsePromql(asSent(target.expr))
    if (typeof tree === 'string') throw new Error(tree)
    for (const node of within(tree)) {
      if (node.type !== 'VectorSelector') continue
      expect(node.text).toContain('job=~".*",instance=~".*"')
      const { labels } = known.get(/^\w+/.exec(node.text)?.[0] ?? '') ?? {}
      if (labels?.has('peer') === true) expect(node.text).toContain('peer=~".*"')
    }
  })

  /**
   * Where a range is not the one that Grafana chooses for the width of the graph: a single number
   * of the whole time that is chosen, and what is so rare that a step of the graph has nothing.
   */
  const rare = /^(?:rcptwise_(?:retry_delay|split_duration|backend_connect)_seconds_|.*\[1h\]\)\)$)/
  it.each(toPrometheus)('target-rate-interval-rule: $name', ({ target, panel }) => {
    for (const [, series = '', range] of target.expr.matchAll(/(\w+)(?:\{[^}]*\})?\[([^\]]+)\]/g)) {
      const allowed =
        panel.type === 'stat'
          ? ['$__range']
          : rare.test(series) || panel.title === 'Forced retries of 100 messages'
            ? ['$__rate_interval', '1h']
            : ['$__rate_interval']
      expect(allowed).toContain(range)
    }
  })

  it.each(toLoki)('target-logql-rule: $name', ({ target }) => {
    expect(faultsOfLogql(target.expr)).toEqual([])
  })
  it('target-logql-rule would notice', () => {
    expect(faultsOfLogql('{$log} | json | | event =')).not.toEqual([])
  })
})
