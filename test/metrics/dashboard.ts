import { readdirSync, readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { parse } from 'yaml'
import { exportedSeries, type KnownSeries, type KnownSeriesByName } from './promql/series.ts'
import { checkPromql } from './promql/check.ts'

export const dashboardsFolder = fileURLToPath(new URL('../../grafana/dashboards/', import.meta.url))
export const alertsFile = new URL('../../grafana/alerts.yaml', import.meta.url)

export interface Source {
  readonly type: string
  readonly uid: string
}

export interface Target {
  readonly refId: string
  readonly expr: string
  readonly legendFormat: string
  readonly datasource: Source
}

export interface Panel {
  readonly id: number
  readonly type: string
  readonly title: string
  readonly description?: string
  readonly datasource?: Source
  readonly gridPos: {
    readonly x: number
    readonly y: number
    readonly w: number
    readonly h: number
  }
  readonly fieldConfig?: { readonly defaults?: { readonly unit?: string } }
  readonly options?: { readonly legend?: unknown }
  readonly targets?: readonly Target[]
  /** Of a row. */
  readonly collapsed?: boolean
  readonly panels?: readonly Panel[]
}

export interface Variable {
  readonly name: string
  readonly type: string
  readonly label?: string
  readonly definition?: string
  readonly datasource?: Source
  readonly query?: unknown
  readonly allValue?: string
  readonly refresh?: number
  readonly multi?: boolean
}

export interface Annotation {
  readonly name: string
  readonly enable: boolean
  readonly datasource: Source
  readonly expr?: string
  readonly textFormat?: string
  readonly target?: { readonly expr?: string }
}

export interface Dashboard {
  readonly uid: string
  readonly title: string
  readonly panels: readonly Panel[]
  readonly links: readonly Readonly<Record<string, unknown>>[]
  readonly annotations: { readonly list: readonly Annotation[] }
  readonly templating: { readonly list: readonly Variable[] }
}

/** An alert, or a rule that records what many ask for. */
export interface Rule {
  readonly alert?: string
  readonly record?: string
  readonly expr: string
  readonly for?: string
  readonly labels?: { readonly severity?: string }
  readonly annotations?: {
    readonly summary: string
    readonly description: string
    readonly runbook_url: string
  }
}

export interface Alert extends Rule {
  readonly alert: string
}

export const readRules = (): readonly Rule[] =>
  (parse(readFileSync(alertsFile, 'utf8')) as { groups: { rules: Rule[] }[] }).groups.flatMap(
    ({ rules }) => rules,
  )

export const readAlerts = (): readonly Alert[] =>
  readRules().filter((rule): rule is Alert => rule.alert !== undefined)

/** The series of a scrape, and those that rules make of them. */
export async function knownSeries(): Promise<KnownSeriesByName> {
  const known = new Map<string, KnownSeries>(await exportedSeries())
  for (const { record, expr } of readRules()) {
    if (record === undefined) continue
    known.set(record, { kind: 'record', labels: checkPromql(expr, known).labels ?? new Set() })
  }
  return known
}

export const readDashboards = (): readonly Dashboard[] =>
  readdirSync(dashboardsFolder)
    .toSorted()
    .map((name) => JSON.parse(readFileSync(`${dashboardsFolder}${name}`, 'utf8')) as Dashboard)

/** Those that show something, of closed rows too. */
export const panelsOf = ({ panels }: Dashboard): readonly Panel[] =>
  panels.flatMap((panel) => (panel.type === 'row' ? (panel.panels ?? []) : [panel]))

/** As Grafana sends it when everything is chosen. */
export const asSent = (expression: string): string =>
  expression
    .replaceAll('$__rate_interval', '1m')
    .replaceAll('$__range', '1h')
    .replace(/\$(?:job|instance|peer|strategy)\b/g, '.*')
    .replaceAll('$log', 'job="rcptwise"')

export interface Asked {
  readonly title: string
  readonly expression: string
}

/** What Prometheus is asked, with the panel that asks. */
export const queriesOf = (dashboards: readonly Dashboard[]): readonly Asked[] =>
  dashboards.flatMap((dashboard) =>
    panelsOf(dashboard).flatMap(({ title, targets = [] }) =>
      targets
        .filter(({ datasource }) => datasource.type === 'prometheus')
        .map(({ expr }) => ({ title: `${dashboard.title}, ${title}`, expression: asSent(expr) })),
    ),
  )
