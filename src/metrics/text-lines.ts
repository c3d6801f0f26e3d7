/** The lines of /metrics: what stands above a metric, and a series with its value. */

export type Format = 'prometheus' | 'openmetrics'

interface Headed {
  /** With the prefix. */
  readonly name: string
  readonly help: string
  readonly type: string
}

export function heading({ name, help, type }: Headed, format: Format): string {
  const open = format === 'openmetrics'
  // A counter's family is called without what its samples have at the end.
  const family = open && type === 'counter' ? name.replace(/_total$/, '') : name
  const said = open ? escaped(help) : help.replace(/[\\\n]/g, escapeOf)
  return `# HELP ${family} ${said}\n# TYPE ${family} ${type}\n`
}

/** `a="x",b="y"` */
export function labelsText(names: readonly string[], values: readonly string[]): string {
  let text = ''
  for (const [i, name] of names.entries())
    text += `${i === 0 ? '' : ','}${name}="${escaped(values[i] ?? '')}"`
  return text
}

/** The values in what `labelsText` gives. */
export const valuesIn = (text: string): readonly string[] =>
  Array.from(text.matchAll(quoted), ([, value = '']) =>
    value.replace(/\\(.)/g, (_, octet: string) => (octet === 'n' ? '\n' : octet)),
  )
const quoted = /="((?:[^"\\]|\\.)*)"/g

/** A series without its value: put together at once, since a thousand classes have very many. */
export function named(name: string, labels: readonly string[], values: readonly string[]): string {
  if (labels.length === 0) return name
  const parts = [name]
  for (let i = 0; i < labels.length; i++)
    parts.push(i === 0 ? '{' : ',', labels[i] ?? '', '="', escaped(values[i] ?? ''), '"')
  parts.push('}')
  return parts.join('')
}

export const lineOf = (name: string, labels: string, value: number): string =>
  labels === '' ? `${name} ${numberOf(value)}\n` : `${name}{${labels}} ${numberOf(value)}\n`

/** Writes a value as octets, and gives how many. */
export function putNumber(octets: Uint8Array, at: number, value: number): number {
  if (!(value >= 0 && value <= mostQuick && Math.floor(value) === value)) {
    const text = numberOf(value)
    for (let i = 0; i < text.length; i++) octets[at + i] = text.charCodeAt(i)
    return text.length
  }
  let rest = value | 0
  let length = 1
  for (let above = 10; above <= rest; above *= 10) length++
  for (let i = at + length - 1; i >= at; i--) {
    const tens = (rest / 10) | 0
    octets[i] = 0x30 + rest - tens * 10
    rest = tens
  }
  return length
}
/** Integers up to here are as quick as those of the processor. */
const mostQuick = 0x7f_ff_ff_ff

const numberOf = (value: number): string => {
  if (Number.isFinite(value)) return String(value)
  return Number.isNaN(value) ? 'NaN' : value > 0 ? '+Inf' : '-Inf'
}

const special = /["\\\n]/g
const escaped = (text: string): string =>
  text.search(special) === -1 ? text : text.replace(special, escapeOf)
const escapeOf = (octet: string): string => (octet === '\n' ? '\\n' : `\\${octet}`)
