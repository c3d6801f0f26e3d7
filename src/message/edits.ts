/**
 * What is changed in a text on its way to a mailbox, as plain data, and the guard that every such
 * change has passed: nobody can write a line of their own into a message through a value, end its
 * header section, or make it large.
 */
import type { TextSource } from './text-source.ts'

/**
 * `value` is what stands behind the colon, one character an octet: it begins with a blank as a
 * rule, and may be folded (CRLF and a blank). Names are compared without case. The fields counted
 * are those of the text as it came, with the edits that stand before in the same list.
 */
export type Edit =
  /** A field behind all others. */
  | { readonly do: 'add'; readonly name: string; readonly value: string }
  /** A field below the first `at` fields; 0: above them all. */
  | { readonly do: 'insert'; readonly at: number; readonly name: string; readonly value: string }
  /** The `nth` field of that name, from 1. Where there is none it is added. */
  | { readonly do: 'change'; readonly nth: number; readonly name: string; readonly value: string }
  /**
   * The `nth` field of that name, from 1; from the last one for -1 and below; all of them for 0.
   */
  | { readonly do: 'remove'; readonly nth: number; readonly name: string }
  /**
   * All that only this site may write, whose own name is `host` (foreign-fields.ts): of what came,
   * before any other edit of the step.
   */
  | { readonly do: 'removeForeign'; readonly host: string }
  /** Everything behind the empty line. */
  | { readonly do: 'replaceBody'; readonly body: TextSource }

/** Octets of one field with its name. */
export const editedFieldBytes = 64 * 1024
/** Octets of all fields that one list writes. */
export const editedFieldsBytes = 256 * 1024
/** Of one list. */
export const mostEdits = 500
/** Octets of a line without its CRLF (RFC 5322 2.1.1). */
export const editedLineBytes = 998

const fieldName = /^[!-9;-~]+$/
/** Lines without NUL, CR and LF; whatever is folded has something in it. */
const fieldValue =
  /^[\x01-\x09\x0b\x0c\x0e-\xff]*(?:\r\n[ \t]+[\x01-\x08\x0b\x0c\x0e-\x1f\x21-\xff][\x01-\x09\x0b\x0c\x0e-\xff]*)*$/

declare const checked: unique symbol

/** Edits that have passed the guard, of one who edits. Plain data; only `checkEdits` makes them. */
export interface Edits {
  readonly list: readonly Edit[]
  readonly [checked]: true
}

/** Or why they can't be made. */
export function checkEdits(list: readonly Edit[]): Edits | { readonly failed: string } {
  if (list.length > mostEdits) return { failed: `more than ${mostEdits} edits` }
  let octets = 0
  for (const edit of list) {
    const failed = whyNot(edit)
    if (failed !== undefined) return { failed: `${edit.do}: ${failed}` }
    if ('value' in edit) octets += edit.name.length + edit.value.length
  }
  return octets > editedFieldsBytes
    ? { failed: `fields of more than ${editedFieldsBytes} octets together` }
    : ({ list } as Edits)
}

/**
 * Fields above all others, in their order. What can't be written as it is has been made printable
 * by who writes it: these are Rcptwise's own.
 */
export function onTop(fields: readonly { readonly name: string; readonly value: string }[]): Edits {
  const edits = checkEdits(fields.map((field, at) => ({ do: 'insert', at, ...field })))
  if ('failed' in edits) throw new Error(`a field of our own can't be written: ${edits.failed}`)
  return edits
}

function whyNot(edit: Edit): string | undefined {
  if (edit.do === 'replaceBody' || edit.do === 'removeForeign') return undefined
  if (!fieldName.test(edit.name) || edit.name.length > editedLineBytes) return 'no name of a field'
  if ('nth' in edit && !Number.isInteger(edit.nth)) return 'no number of a field'
  if (edit.do === 'change' && edit.nth < 1) return 'fields are counted from 1'
  if (edit.do === 'insert' && !(Number.isInteger(edit.at) && edit.at >= 0)) return 'no place'
  if (edit.do === 'remove') return undefined
  const { name, value } = edit
  if (name.length + value.length > editedFieldBytes)
    return `a field of more than ${editedFieldBytes} octets`
  if (!fieldValue.test(value)) return 'a value that would not stay in its field'
  // Most fields are shorter than one line may be.
  return name.length + 1 + value.length > editedLineBytes &&
    `${name}:${value}`.split('\r\n').some((line) => line.length > editedLineBytes)
    ? `a line of more than ${editedLineBytes} octets`
    : undefined
}

/**
 * How a text is changed. Each step is made in the text that the one before it has left. Within a
 * step several have edited side by side: each has seen the text without what the others did; what
 * an earlier list inserts at a place stands above.
 */
export type Revision = readonly (readonly Edits[])[]

/** Whether two revisions make the same octets of a text. */
export const sameRevision = (one: Revision, other: Revision): boolean =>
  one === other ||
  (one.length === other.length &&
    one.every((step, i) => {
      const others = other[i] ?? []
      return step.length === others.length && step.every((edits, j) => sameEdits(edits, others[j]))
    }))

const sameEdits = (one: Edits, other: Edits | undefined): boolean =>
  one === other ||
  (one.list.length === other?.list.length &&
    one.list.every((edit, i) => {
      const another = other.list[i]
      return another !== undefined && sameEdit(edit, another)
    }))

const keys = ['do', 'name', 'value', 'nth', 'at', 'body', 'host'] as const

function sameEdit(one: Edit, other: Edit): boolean {
  const [left, right] = [one, other] as readonly Partial<Record<(typeof keys)[number], unknown>>[]
  return keys.every((key) => left?.[key] === right?.[key])
}
