import { readFileSync } from 'node:fs'
import { parse } from 'yaml'

export const dashboardFile = new URL('../../grafana/dashboards/rcptwise.json', import.meta.url)
export const alertsFile = new URL('../../grafana/alerts.yaml', import.meta.url)

export interface Panel {
  readonly id: number
  readonly type: string
  readonly title: string
  readonly description?: string
  readonly gridPos: {
    readonly x: number
    readonly y: number
    readonly w: number
    readonly h: number
  }
  readonly targets?: readonly {
    readonly refId: string
    readonly expr: string
    readonly legendFormat: string
  }[]
}

export interface Dashboard {
  readonly uid: string
  readonly panels: readonly Panel[]
  readonly templating: {
    readonly list: readonly { readonly name: string; readonly definition?: string }[]
  }
}

export interface Alert {
  readonly alert: string
  readonly expr: string
  readonly labels: { readonly severity: string }
  readonly annotations: { readonly summary: string; readonly runbook: string }
}

export const readAlerts = (): readonly Alert[] =>
  (parse(readFileSync(alertsFile, 'utf8')) as { groups: { rules: Alert[] }[] }).groups.flatMap(
    ({ rules }) => rules,
  )

export const readDashboard = (): Dashboard =>
  JSON.parse(readFileSync(dashboardFile, 'utf8')) as Dashboard

/**
 * The panels that show something, with each of their queries as Grafana sends it when everything is
 * chosen.
 */
export const queriesOf = (
  dashboard: Dashboard,
): readonly { readonly title: string; readonly expression: string }[] =>
  dashboard.panels.flatMap(({ title, targets = [] }) =>
    targets.map(({ expr }) => ({
      title,
      expression: expr
        .replaceAll('$__rate_interval', '1m')
        .replaceAll('$peer', '.*')
        .replaceAll('$instance', '.*'),
    })),
  )
