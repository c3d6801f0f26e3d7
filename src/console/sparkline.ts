/** Delays of retries as small bars in a line, with the same in words. */
import { svg } from './dom.ts'
import { delaysInWords, heightsOf } from './retry-delays.ts'

const barWidth = 4
const height = 16

/** The latest at the right. */
export function sparkline(seconds: readonly number[]): SVGElement {
  const width = Math.max(1, seconds.length) * barWidth
  return svg(
    'svg',
    {
      class: 'sparkline',
      role: 'img',
      'aria-label': delaysInWords(seconds),
      viewBox: `0 0 ${width} ${height}`,
      ...{ width, height },
    },
    svg('title', {}, delaysInWords(seconds)),
    heightsOf(seconds).map((part, at) =>
      svg('rect', {
        x: at * barWidth,
        y: (height * (1 - part)).toFixed(1),
        width: barWidth - 1,
        height: (height * part).toFixed(1),
      }),
    ),
  )
}
