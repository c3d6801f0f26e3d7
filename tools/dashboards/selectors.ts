/** The matchers of what the reader has chosen above. */

/** Of series without a class. */
export const own = 'job=~"$job",instance=~"$instance"'
/** Of a class. */
export const ofClass = `${own},peer=~"$peer"`
/** Of a class and a strategy. */
export const ofStrategy = `${ofClass},strategy=~"$strategy"`

/** Counted in each step of the graph. */
export const increase = (series: string): string => `increase(${series}[$__rate_interval])`
/** A minute. */
export const aMinute = (by: string, series: string): string =>
  `60 * sum${by === '' ? '' : ` by (${by})`} (rate(${series}[$__rate_interval]))`
export const sumOf = (by: string, series: string): string =>
  `sum${by === '' ? '' : ` by (${by})`} (${increase(series)})`
/** Half of what was measured is within it, or 95 of 100; `window` for what is rare. */
export const within = (
  share: 0.5 | 0.95 | 0.99,
  { by, buckets, window = '$__rate_interval' }: Buckets,
): string =>
  `histogram_quantile(${share}, sum by (${['le', ...(by === '' ? [] : [by])].join(', ')}) (rate(${buckets}[${window}])))`

interface Buckets {
  readonly by: string
  readonly buckets: string
  readonly window?: string
}
