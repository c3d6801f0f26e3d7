/** Lines over time, by uPlot, which stands beside the modules as a script of its own. */
import type uPlotLibrary from 'uplot'
import { colour, onThemeChange } from './theme.ts'

declare const uPlot: typeof uPlotLibrary

export interface Line {
  readonly name: string
  /** A colour of the style sheet. */
  readonly colour: string
}

export type Columns = readonly [readonly number[], ...(readonly (number | null)[])[]]

export class Chart {
  readonly #root: HTMLElement
  readonly #lines: readonly Line[]
  #plot: uPlotLibrary | undefined
  #data: Columns = [[]]

  constructor(root: HTMLElement, lines: readonly Line[], signal: AbortSignal) {
    this.#root = root
    this.#lines = lines
    const size = new ResizeObserver(() => this.#resize())
    size.observe(root)
    signal.addEventListener('abort', () => {
      size.disconnect()
      this.#plot?.destroy()
    })
    onThemeChange(() => this.#draw(), signal)
  }

  /** Times in seconds, and for each line its values. */
  show(data: Columns): void {
    this.#data = data
    if (this.#plot === undefined) this.#draw()
    else this.#plot.setData(data as uPlotLibrary.AlignedData)
  }

  /** The last hour, also when there is less of it. */
  #span(): [number, number] {
    const last = Math.max(this.#data[0].at(-1) ?? 0, Date.now() / 1000 - 60)
    return [last - 3600, last]
  }

  #resize(): void {
    const width = this.#root.clientWidth
    if (width > 0 && this.#plot?.width !== width)
      this.#plot?.setSize({ width, height: chartHeight })
  }

  #draw(): void {
    const width = this.#root.clientWidth
    if (width === 0) return
    this.#plot?.destroy()
    const axis = {
      stroke: colour('dim'),
      font: '12px system-ui, sans-serif',
      grid: { stroke: colour('line'), width: 1 },
      ticks: { stroke: colour('line'), width: 1, size: 4 },
    }
    const options: uPlotLibrary.Options = {
      width,
      height: chartHeight,
      legend: { live: true },
      cursor: { points: { size: 6 }, drag: { x: false, y: false } },
      scales: {
        x: { range: () => this.#span() },
        y: { range: (_plot, _least, most) => [0, Math.max(5, most * 1.1)] },
      },
      axes: [
        { ...axis, values: timesOf },
        { ...axis, size: 48 },
      ],
      series: [
        { value: '{HH}:{mm}' },
        ...this.#lines.map(({ name, colour: variable }) => ({
          label: name,
          stroke: colour(variable),
          width: 1.6,
          points: { show: false },
          value: (_plot: unknown, value: number | null) =>
            value === null ? '–' : String(Math.round(value)),
        })),
      ],
    }
    this.#plot = new uPlot(options, this.#data as uPlotLibrary.AlignedData, this.#root)
  }
}

const timesOf = (_plot: unknown, seconds: readonly number[]): string[] =>
  seconds.map((each) => {
    const time = new Date(each * 1000)
    return [time.getHours(), time.getMinutes()].map((n) => String(n).padStart(2, '0')).join(':')
  })

const chartHeight = 240
