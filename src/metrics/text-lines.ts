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

export const lineOf = (name: string, labels: string, value: number): string =>
  labels === '' ? `${name} ${numberOf(value)}\n` : `${name}{${labels}} ${numberOf(value)}\n`

const numberOf = (value: number): string => {
  if (Number.isFinite(value)) return String(value)
  return Number.isNaN(value) ? 'NaN' : value > 0 ? '+Inf' : '-Inf'
}

const special = /["\\\n]/g
const escaped = (text: string): string =>
  text.search(special) === -1 ? text : text.replace(special, escapeOf)
const escapeOf = (octet: string): string => (octet === '\n' ? '\\n' : `\\${octet}`)
