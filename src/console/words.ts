/** Numbers and times for people. Pure. */

const units: readonly (readonly [string, number])[] = [
  ['d', 86_400],
  ['h', 3600],
  ['m', 60],
  ['s', 1],
]

/** A time in its two largest units: `2h 05m`, `45s`; never negative. */
export function spell(ms: number): string {
  const seconds = Math.max(0, Math.floor(ms / 1000))
  const first = units.findIndex(([, size]) => seconds >= size)
  const [unit, size] = units[first] ?? ['s', 1]
  const whole = `${Math.floor(seconds / size)}${unit}`
  const next = units[first + 1]
  if (first === -1 || next === undefined) return whole
  const rest = Math.floor((seconds % size) / next[1])
  return rest === 0 ? whole : `${whole} ${String(rest).padStart(2, '0')}${next[0]}`
}

const two = (value: number): string => String(value).padStart(2, '0')

/** In the time zone of the reader: `14:05:09`, with the day when it is another one. */
export function clock(at: number, now: number): string {
  const time = new Date(at)
  const said = [time.getHours(), time.getMinutes(), time.getSeconds()].map(two).join(':')
  return time.toDateString() === new Date(now).toDateString() ? said : `${dayOf(time)} ${said}`
}

const dayOf = (time: Date): string =>
  [time.getFullYear(), two(time.getMonth() + 1), two(time.getDate())].join('-')

const whole = new Intl.NumberFormat('en', { maximumFractionDigits: 0 })
const fine = new Intl.NumberFormat('en', { maximumFractionDigits: 1 })

export const count = (value: number): string =>
  Math.abs(value) < 10 && !Number.isInteger(value) ? fine.format(value) : whole.format(value)

export const plural = (value: number, what: string, several = `${what}s`): string =>
  `${count(value)} ${value === 1 ? what : several}`

/** Whether all words of a filter are somewhere in these texts. */
export function matches(filter: string, texts: readonly (string | undefined)[]): boolean {
  const all = texts.join('\n').toLowerCase()
  return filter
    .toLowerCase()
    .split(/\s+/)
    .every((word) => all.includes(word))
}
