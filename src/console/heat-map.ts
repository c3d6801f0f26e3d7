/** Delays over time on a canvas: a column some minutes, a row a bucket, the darker the more. */
import type { RecentJson } from '../admin/recent-schema.ts'
import { el } from './dom.ts'
import { colour, onThemeChange } from './theme.ts'
import { spell } from './words.ts'

type Minute = RecentJson['minutes'][number]
type Holds = (peer: string, strategy: string) => boolean

export interface Shown {
  readonly minutes: readonly Minute[]
  readonly bounds: readonly number[]
  readonly holds: Holds
  /** Minutes that there is room for; what is not known stays empty. */
  readonly span: number
}

const rowHeight = 15
const [left, bottom] = [64, 22]
const leastColumn = 6

export class HeatMap {
  readonly element: HTMLElement
  readonly #canvas = el('canvas', { role: 'img' })
  #last: Shown | undefined

  constructor(signal: AbortSignal) {
    this.element = el('div', { class: 'chart heat-map' }, this.#canvas)
    const size = new ResizeObserver(() => this.#draw())
    size.observe(this.element)
    signal.addEventListener('abort', () => size.disconnect())
    onThemeChange(() => this.#draw(), signal)
  }

  show(shown: Shown): void {
    this.#last = shown
    this.#draw()
  }

  #draw(): void {
    const width = this.element.clientWidth
    if (this.#last === undefined || width === 0) return
    const { minutes, bounds, holds, span } = this.#last
    const rows = bounds.length + 1
    const height = rows * rowHeight + bottom
    const brush = brushOn(this.#canvas, width, height)
    const together = Math.ceil(span / Math.max(1, Math.floor((width - left) / leastColumn)))
    const columns = columnsOf(minutes, holds, together)
    const most = Math.max(1, ...columns.flatMap(({ counts }) => counts))
    const places = Math.max(columns.length, Math.ceil(span / together))
    const columnWidth = (width - left) / places
    const begin = left + (places - columns.length) * columnWidth
    brush.font = '11px system-ui, sans-serif'
    brush.textBaseline = 'middle'
    for (let row = 0; row < rows; row++) {
      const y = (rows - 1 - row) * rowHeight
      brush.globalAlpha = 1
      brush.fillStyle = colour('dim')
      brush.textAlign = 'right'
      const bound = bounds[row]
      brush.fillText(bound === undefined ? 'longer' : `≤ ${spell(bound * 1000)}`, left - 8, y + 8)
      brush.fillStyle = colour('heat-low')
      brush.fillRect(left, y, width - left, rowHeight - 1)
      brush.fillStyle = colour('heat-high')
      for (const [i, { counts }] of columns.entries()) {
        const value = counts[row] ?? 0
        if (value === 0) continue
        // By the logarithm: one return is seen beside a thousand.
        brush.globalAlpha = 0.25 + 0.75 * (Math.log1p(value) / Math.log1p(most))
        brush.fillRect(begin + i * columnWidth, y, Math.max(1, columnWidth - 1), rowHeight - 1)
      }
    }
    brush.globalAlpha = 1
    brush.fillStyle = colour('dim')
    const every = Math.ceil(70 / columnWidth)
    for (const [i, { at }] of columns.entries()) {
      if (i % every !== 0) continue
      const x = begin + i * columnWidth
      brush.textAlign = 'left'
      if (x + 40 < width) brush.fillText(hourOf(at), x, height - bottom / 2)
    }
    const returns = columns.flatMap(({ counts }) => counts).reduce((sum, each) => sum + each, 0)
    this.#canvas.setAttribute('aria-label', `Heat map of ${returns} returns; the table says more.`)
  }
}

function brushOn(
  canvas: HTMLCanvasElement,
  width: number,
  height: number,
): CanvasRenderingContext2D {
  const ratio = devicePixelRatio
  canvas.width = Math.round(width * ratio)
  canvas.height = Math.round(height * ratio)
  canvas.style.width = `${width}px`
  canvas.style.height = `${height}px`
  const brush = canvas.getContext('2d')
  if (brush === null) throw new Error('the browser has no canvas')
  brush.scale(ratio, ratio)
  return brush
}

const hourOf = (at: number): string => {
  const time = new Date(at)
  return [time.getHours(), time.getMinutes()].map((n) => String(n).padStart(2, '0')).join(':')
}

interface HeatColumn {
  readonly at: number
  readonly counts: readonly number[]
}

/** So many minutes in one. */
function columnsOf(
  minutes: readonly Minute[],
  holds: Holds,
  together: number,
): readonly HeatColumn[] {
  const columns: HeatColumn[] = []
  for (let i = 0; i < minutes.length; i += together) {
    const counts: number[] = []
    const some = minutes.slice(i, i + together)
    for (const { delays } of some)
      for (const { peer, strategy, counts: each } of delays)
        if (holds(peer, strategy))
          for (const [row, value] of each.entries()) counts[row] = (counts[row] ?? 0) + value
    columns.push({ at: some[0]?.at ?? 0, counts })
  }
  return columns
}
