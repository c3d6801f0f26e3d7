/** The fields of a header section, in their order. Octets stay octets: values are latin1. */

export interface Field {
  /** In lower case. */
  readonly name: string
  /** Unfolded. */
  readonly value: string
}

const start = /^([!-9;-~]+)[ \t]*:/

/** Up to the first line that is no field: what follows is text, as it is for Postfix and sendmail. */
export function fieldsOf(header: Buffer): Field[] {
  const fields: { readonly name: string; value: string }[] = []
  for (const line of unfolded(header.toString('latin1'))) {
    const name = start.exec(line)
    if (name?.[1] === undefined) break
    fields.push({ name: name[1].toLowerCase(), value: line.slice(name[0].length) })
  }
  return fields
}

const unfolded = (header: string): string[] => header.replaceAll(/\r\n(?=[ \t])/g, '').split('\r\n')
