/**
 * What all dashboards have in common: variables, links between them, and annotations for what
 * somebody has done or what has begun anew.
 */
import type { Builder } from '@grafana/grafana-foundation-sdk/cog'
/* eslint-disable @typescript-eslint/no-deprecated -- The schema that every Grafana from 10 on reads;
   the next one (dashboardv2) is for Grafana 12 and newer. */
import {
  AnnotationQueryBuilder,
  DashboardBuilder,
  DashboardCursorSync,
  DashboardLinkBuilder,
  DashboardLinkType,
  type Dashboard,
  DatasourceVariableBuilder,
  QueryVariableBuilder,
  RowBuilder,
  TextBoxVariableBuilder,
  type VariableModel,
  VariableHide,
  VariableRefresh,
  VariableSort,
} from '@grafana/grafana-foundation-sdk/dashboard'
import { DataqueryBuilder as LokiBuilder } from '@grafana/grafana-foundation-sdk/loki'
import { loki, type PanelOf, prometheus } from './panels.ts'
import { own, ofClass } from './selectors.ts'

export interface Row {
  readonly title: string
  readonly panels: readonly PanelOf[]
}

export interface Board {
  /** The name of its file, too. */
  readonly uid: string
  readonly title: string
  readonly says: string
  /** What is seen at once. */
  readonly first: readonly PanelOf[]
  /** Closed until somebody opens them. */
  readonly rows: readonly Row[]
}

const tag = 'rcptwise'

export function dashboard({ uid, title, says, first, rows }: Board): Dashboard {
  const board = new DashboardBuilder(`Rcptwise: ${title}`)
    .uid(uid)
    .description(says)
    .tags([tag])
    .editable()
    .tooltip(DashboardCursorSync.Crosshair)
    .refresh('30s')
    .time({ from: 'now-6h', to: 'now' })
    .timezone('browser')
    .link(
      new DashboardLinkBuilder('Rcptwise')
        .type(DashboardLinkType.Dashboards)
        .tags([tag])
        .icon('external link')
        .tooltip('The other dashboards, with what is chosen here')
        .includeVars(true)
        .keepTime(true),
    )
    .link(
      new DashboardLinkBuilder('Console')
        .type(DashboardLinkType.Link)
        .url('${console}#/senders')
        .icon('bolt')
        .tooltip('Each sender: what was learned of it, and its strategy')
        .targetBlank(true)
        .includeVars(false)
        .keepTime(false),
    )
    .variables(variables())
    .annotations(annotations())
  for (const panel of first) board.withPanel(panel)
  for (const { title: of, panels } of rows) {
    const row = new RowBuilder(of).collapsed(true)
    for (const panel of panels) row.withPanel(panel)
    board.withRow(row)
  }
  return numbered(board.build())
}

/** Panels have ids, so that a link to one goes on leading there. */
function numbered(board: Dashboard): Dashboard {
  let id = 0
  const panels = (board.panels ?? []).map((panel) =>
    panel.type === 'row' && 'panels' in panel
      ? { ...panel, id: ++id, panels: panel.panels.map((inner) => ({ ...inner, id: ++id })) }
      : { ...panel, id: ++id },
  )
  return {
    ...board,
    panels,
    links: (board.links ?? []).map((link) => inSight(link)),
    annotations: { list: (board.annotations.list ?? []).map((one) => inSight(one)) },
  }
}

/** Above the dashboard, and not in a menu, where the SDK puts it. */
const inSight = <Control extends object>(control: Control): Control =>
  Object.fromEntries(Object.entries(control).filter(([name]) => name !== 'placement')) as Control

const everything = { text: ['All'], value: ['$__all'], selected: true }

function variables(): Builder<VariableModel>[] {
  return [
    new DatasourceVariableBuilder('datasource').label('Data source').type('prometheus'),
    new DatasourceVariableBuilder('loki').label('Log source').type('loki'),
    ofLabel('job', 'Job', 'rcptwise_ledger_durable'),
    ofLabel('instance', 'Front-end', 'rcptwise_ledger_durable{job=~"$job"}'),
    ofLabel('peer', 'Peer class', `rcptwise_strategy_in_force{${own}}`),
    ofLabel('strategy', 'Strategy', `rcptwise_forced_retries_total{${ofClass}}`),
    new TextBoxVariableBuilder('log')
      .label('Log stream')
      .description(
        'The labels under which your collector sends the log to Loki (grafana/README.md)',
      )
      .defaultValue('job="rcptwise"'),
    new TextBoxVariableBuilder('console')
      .label('Console')
      .description('Where your colleagues reach the console of a front-end (admin.listen)')
      .defaultValue('http://127.0.0.1:9225/'),
  ]
}

const ofLabel = (name: string, label: string, series: string): Builder<VariableModel> =>
  new QueryVariableBuilder(name)
    .label(label)
    .hide(VariableHide.DontHide)
    .datasource(prometheus)
    .query({ query: `label_values(${series}, ${name})`, refId: name })
    .definition(`label_values(${series}, ${name})`)
    .refresh(VariableRefresh.OnTimeRangeChanged)
    .sort(VariableSort.AlphabeticalAsc)
    .multi(true)
    .includeAll(true)
    .allValue('.*')
    .current(everything)

/** Of a minute each: what is asked is whether it was so a minute ago. */
const annotations = (): AnnotationQueryBuilder[] => [
  ofMetric('Strategy changed', {
    colour: 'purple',
    expression:
      `max by (job, peer, strategy) (rcptwise_strategy_in_force{${ofClass}})` +
      ` unless max by (job, peer, strategy) (rcptwise_strategy_in_force{${ofClass}} offset 1m)` +
      ` and on (job, peer) max by (job, peer) (rcptwise_strategy_in_force{${ofClass}} offset 1m)`,
    says: '{{peer}} is served {{strategy}} from now on',
  }),
  ofMetric('Configuration read', {
    colour: 'blue',
    expression: `sum by (job, instance, result) (increase(rcptwise_config_reloads_total{${own}}[1m])) > 0`,
    says: '{{instance}}: {{result}}',
  }),
  ofMetric('Started', {
    colour: 'orange',
    expression: `max by (job, instance) (changes(rcptwise_started_seconds{${own}}[1m])) > 0`,
    says: '{{instance}} has started',
  }),
  ofMetric('Worker lost', {
    colour: 'red',
    expression: `sum by (job, instance) (increase(rcptwise_workers_lost_total{${own}}[1m])) > 0`,
    says: '{{instance}} has lost a worker process',
  }),
  new AnnotationQueryBuilder()
    .name('Who has done it (log)')
    .datasource(loki)
    .enable(false)
    .hide(false)
    .iconColor('purple')
    .titleFormat('{{event}}')
    .textFormat('{{by}} {{peer}} {{strategy}}')
    .target(
      new LokiBuilder()
        .refId('A')
        .datasource(loki)
        .expr('{$log} | json | event =~ "strategyChanged|senderChanged|splitForgiven|drainChanged"')
        .queryType('range'),
    ),
]

interface Event {
  readonly colour: string
  readonly expression: string
  readonly says: string
}

const ofMetric = (name: string, { colour, expression, says }: Event): AnnotationQueryBuilder =>
  new AnnotationQueryBuilder()
    .name(name)
    .datasource(prometheus)
    .enable(true)
    .hide(false)
    .iconColor(colour)
    .expr(expression)
    .step('60s')
    .titleFormat(name)
    .textFormat(says)
