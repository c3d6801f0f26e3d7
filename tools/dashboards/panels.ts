/** Panels in the house's style: each has a unit, says what it shows, and asks the chosen source. */
import type { Builder, Dataquery } from '@grafana/grafana-foundation-sdk/cog'
import {
  AxisPlacement,
  BigValueGraphMode,
  GraphDrawStyle,
  LegendDisplayMode,
  LegendPlacement,
  ReduceDataOptionsBuilder,
  SortOrder,
  StackingConfigBuilder,
  StackingMode,
  TooltipDisplayMode,
  VisibilityMode,
  VizLegendOptionsBuilder,
  VizTooltipOptionsBuilder,
} from '@grafana/grafana-foundation-sdk/common'
import {
  DashboardLinkBuilder,
  FieldColorBuilder,
  FieldColorModeId,
  MappingType,
  type Panel,
  type ValueMapping,
  ThresholdsConfigBuilder,
  ThresholdsMode,
} from '@grafana/grafana-foundation-sdk/dashboard'
import {
  HeatmapColorMode,
  HeatmapColorOptionsBuilder,
  PanelBuilder as HeatmapBuilder,
  YAxisConfigBuilder,
} from '@grafana/grafana-foundation-sdk/heatmap'
import { PanelBuilder as LogsBuilder } from '@grafana/grafana-foundation-sdk/logs'
import { DataqueryBuilder as LokiBuilder } from '@grafana/grafana-foundation-sdk/loki'
import {
  DataqueryBuilder as PrometheusBuilder,
  PromQueryFormat,
} from '@grafana/grafana-foundation-sdk/prometheus'
import { PanelBuilder as StatBuilder } from '@grafana/grafana-foundation-sdk/stat'
import { PanelBuilder as TableBuilder } from '@grafana/grafana-foundation-sdk/table'
import { PanelBuilder as TimeseriesBuilder } from '@grafana/grafana-foundation-sdk/timeseries'

/** Where a query goes: the sources that the reader has chosen above. */
export const prometheus = { type: 'prometheus', uid: '${datasource}' }
export const loki = { type: 'loki', uid: '${loki}' }

export type PanelOf = Builder<Panel>

/** An expression, and how its lines are called. */
export type Query = readonly [expression: string, legend: string]

interface Told {
  readonly title: string
  /** What it shows, and what the reader may do. */
  readonly says: string
  readonly unit: string
  /** Columns of 24. */
  readonly width?: number
  readonly height?: number
}

export interface Graph extends Told {
  readonly queries: readonly Query[]
  readonly stacked?: boolean
  /** Things that are counted one by one: a bar each, which leads to the log. */
  readonly bars?: boolean
  /** Lines whose name ends so have a scale of their own, on the right, in this unit. */
  readonly right?: { readonly named: string; readonly unit: string }
}

export interface Stat extends Told {
  readonly query: string
  /** From this value on it is so; the first is for all that is less. */
  readonly colours: readonly (readonly [from: number | null, colour: string])[]
  readonly words?: Readonly<Record<string, string>>
  readonly decimals?: number
  /** In place of a value that does not exist. */
  readonly none?: string
  readonly line?: boolean
}

/** The lines of the log around the moment of a bar. */
const inTheLog = (): DashboardLinkBuilder =>
  new DashboardLinkBuilder('Messages of these five minutes, in the log')
    .url('/d/rcptwise-log?time=${__value.time}&time.window=300000&${__all_variables}')
    .targetBlank(false)

export function graph(of: Graph): PanelOf {
  const { title, says, unit, width = 8, height = 8, queries, stacked = false, bars = false } = of
  const panel = new TimeseriesBuilder()
    .title(title)
    .description(says)
    .datasource(prometheus)
    .span(width)
    .height(height)
    .unit(unit)
    .min(0)
    .drawStyle(bars ? GraphDrawStyle.Bars : GraphDrawStyle.Line)
    .lineWidth(1)
    .fillOpacity(bars ? 60 : stacked ? 20 : 8)
    .showPoints(VisibilityMode.Never)
    .spanNulls(false)
    .stacking(
      new StackingConfigBuilder()
        .mode(stacked || bars ? StackingMode.Normal : StackingMode.None)
        .group('A'),
    )
    .legend(
      new VizLegendOptionsBuilder()
        .displayMode(LegendDisplayMode.List)
        .placement(LegendPlacement.Bottom)
        .showLegend(true),
    )
    .tooltip(
      new VizTooltipOptionsBuilder().mode(TooltipDisplayMode.Multi).sort(SortOrder.Descending),
    )
  for (const target of targetsOf(queries)) panel.withTarget(target)
  if (bars) panel.dataLinks([inTheLog()])
  if (of.right !== undefined)
    panel.overrideByRegexp(`/${of.right.named}$/`, [
      { id: 'unit', value: of.right.unit },
      { id: 'custom.axisPlacement', value: AxisPlacement.Right },
    ])
  return panel
}

const targetsOf = (queries: readonly Query[]): readonly Builder<Dataquery>[] =>
  queries.map(([expression, legend], i) =>
    new PrometheusBuilder()
      .refId(String.fromCharCode(65 + i))
      .datasource(prometheus)
      .expr(expression)
      .legendFormat(legend)
      .range(),
  )

export function stat(of: Stat): PanelOf {
  const { title, says, unit, width = 4, height = 4, query, colours, words, none } = of
  const panel = new StatBuilder()
    .title(title)
    .description(says)
    .datasource(prometheus)
    .span(width)
    .height(height)
    .unit(unit)
    .decimals(of.decimals ?? 0)
    .thresholds(
      new ThresholdsConfigBuilder()
        .mode(ThresholdsMode.Absolute)
        .steps(colours.map(([value, color]) => ({ value, color }))),
    )
    .colorScheme(new FieldColorBuilder().mode(FieldColorModeId.Thresholds))
    .mappings(words === undefined ? [] : [inWords(words)])
    .graphMode(of.line === true ? BigValueGraphMode.Area : BigValueGraphMode.None)
    .reduceOptions(new ReduceDataOptionsBuilder().calcs(['lastNotNull']).fields('').values(false))
  const target = new PrometheusBuilder()
    .refId('A')
    .datasource(prometheus)
    .expr(query)
    .legendFormat(title)
  panel.withTarget(of.line === true ? target.range() : target.instant())
  if (none !== undefined) panel.noValue(none)
  return panel
}

const inWords = (words: Readonly<Record<string, string>>): ValueMapping => ({
  type: MappingType.ValueToText,
  options: Object.fromEntries(
    Object.entries(words).map(([value, text], index) => [value, { text, index }]),
  ),
})

/** The buckets of a histogram over time. */
export function heatmap(of: Told & { readonly query: string }): PanelOf {
  const { title, says, unit, width = 24, height = 9, query } = of
  return new HeatmapBuilder()
    .title(title)
    .description(says)
    .datasource(prometheus)
    .span(width)
    .height(height)
    .unit('short')
    .calculate(false)
    .yAxis(new YAxisConfigBuilder().unit(unit).axisPlacement(AxisPlacement.Left))
    .color(
      new HeatmapColorOptionsBuilder()
        .mode(HeatmapColorMode.Scheme)
        .scheme('Oranges')
        .steps(64)
        .reverse(false)
        .fill('dark-orange'),
    )
    .cellGap(1)
    .showLegend()
    .dataLinks([inTheLog()])
    .withTarget(
      new PrometheusBuilder()
        .refId('A')
        .datasource(prometheus)
        .expr(query)
        .legendFormat('{{le}}')
        .format(PromQueryFormat.Heatmap)
        .range(),
    )
}

/** Of what the log tells, as many rows as the query gives. */
export function logTable(
  of: Told & { readonly query: string; readonly columns: Readonly<Record<string, string>> },
): PanelOf {
  const { title, says, unit, width = 24, height = 10, query, columns } = of
  return new TableBuilder()
    .title(title)
    .description(says)
    .datasource(loki)
    .span(width)
    .height(height)
    .unit(unit)
    .decimals(0)
    .withTransformation({
      id: 'organize',
      options: { excludeByName: { Time: true }, renameByName: columns },
    })
    .withTarget(
      new LokiBuilder()
        .refId('A')
        .datasource(loki)
        .expr(query)
        .legendFormat('senders')
        .queryType('instant'),
    )
}

/** Lines of the log, newest first. */
export function logLines(of: Omit<Told, 'unit'> & { readonly query: string }): PanelOf {
  const { title, says, width = 24, height = 10, query } = of
  return new LogsBuilder()
    .title(title)
    .description(says)
    .datasource(loki)
    .span(width)
    .height(height)
    .showTime(true)
    .wrapLogMessage(true)
    .prettifyLogMessage(true)
    .enableLogDetails(true)
    .withTarget(
      new LokiBuilder()
        .refId('A')
        .datasource(loki)
        .expr(query)
        .legendFormat('lines')
        .queryType('range')
        .maxLines(500),
    )
}
