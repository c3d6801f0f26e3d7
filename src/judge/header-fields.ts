/** The fields of a header section, in their order. Octets stay octets: values are latin1. */

export interface Field {
  /** In lower case. */
  readonly name: string
  /** Unfolded. */
  readonly value: string
}

const start = /^([!-9;-~]+)[ \t]*:/

/**
 * Undefined: too many to be read. Up to the first line that is no field: what follows is text, as
 * it is for Postfix and sendmail.
 */
export function fieldsOf(header: Buffer): Field[] | undefined {
  if (hasTooManyLines(header)) return undefined
  const fields: { readonly name: string; value: string }[] = []
  for (const line of unfolded(header.toString('latin1'))) {
    const name = start.exec(line)
    if (name?.[1] === undefined) break
    fields.push({ name: name[1].toLowerCase(), value: line.slice(name[0].length) })
  }
  return fields
}

/** Each line takes many times its octets of memory. Real sections have some hundred. */
export const headerLinesLimit = 10_000

function hasTooManyLines(header: Buffer): boolean {
  let lines = 0
  for (
    let at = header.indexOf('\n');
    at !== -1 && lines <= headerLinesLimit;
    at = header.indexOf('\n', at + 1)
  )
    lines++
  return lines > headerLinesLimit
}

const unfolded = (header: string): string[] => header.replaceAll(/\r\n(?=[ \t])/g, '').split('\r\n')
