/** The head of a request over HTTP/1.1, as octets (RFC 9112). Pure: the guard where it leaves. */
import type { Failed } from './octets.ts'

export type Field = readonly [name: string, value: string]

export interface RequestHead {
  readonly method: 'GET' | 'POST'
  /** With what stands behind a `?`. */
  readonly path: string
  readonly fields: readonly Field[]
}

const visible = /^[\x21-\x7e]+$/
const token = /^[\w!#$%&'*+.^`|~-]+$/
/** RFC 9110 5.5: one character an octet, and nothing that could end the line. */
const sayable = /^[\t\x20-\x7e\x80-\xff]*$/

/** One character an octet, or what of it can't be said. */
export function requestHead({ method, path, fields }: RequestHead): string | Failed {
  if (!visible.test(path)) return { failed: "HTTP can't say the path" }
  let head = `${method} ${path} HTTP/1.1\r\n`
  for (const [name, value] of fields) {
    if (!token.test(name) || !sayable.test(value))
      return { failed: `HTTP can't say the value of ${name}` }
    head += `${name}: ${value}\r\n`
  }
  return `${head}\r\n`
}
