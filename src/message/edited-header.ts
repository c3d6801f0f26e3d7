/** A step of a revision made in a header section (edits.ts). */
import { toOctets } from '../smtp/octets.ts'
import type { Edit, Edits } from './edits.ts'
import { jointBefore } from './first-line.ts'
import { withoutForeign } from './foreign-fields.ts'
import { seenFields } from './seen-fields.ts'
import type { HeaderSection } from './header-section.ts'

interface Line {
  readonly name: string
  raw: string
  /** Index of the list that wrote it; undefined: it came with the text. */
  readonly by?: number
  /** What is written there is not what came with the text. */
  ours: boolean
  /** Indices of the lists that have removed it. */
  readonly removedBy: number[]
}

type FieldEdit = Exclude<Edit, { do: 'replaceBody' | 'removeForeign' }>

class Lines {
  readonly #lines: Line[]

  constructor(lines: Line[]) {
    this.#lines = lines
  }

  apply(edit: FieldEdit, by: number): void {
    switch (edit.do) {
      case 'add':
        this.#lines.push(written(edit, by))
        return
      case 'insert': {
        const below = this.#seenBy(by)[edit.at]
        const place = below === undefined ? this.#lines.length : this.#lines.indexOf(below)
        this.#lines.splice(place, 0, written(edit, by))
        return
      }
      case 'change': {
        const line = this.#named(edit.name, by)[edit.nth - 1]
        if (line === undefined) this.#lines.push(written(edit, by))
        else {
          line.raw = rawOf(edit)
          line.ours = true
        }
        return
      }
      case 'remove': {
        const named = this.#named(edit.name, by)
        const { nth } = edit
        const removed = nth === 0 ? named : [named.at(nth > 0 ? nth - 1 : nth)]
        for (const line of removed) line?.removedBy.push(by)
      }
    }
  }

  #seenBy(by: number): Line[] {
    return this.#lines.filter(
      (line) => (line.by === undefined || line.by === by) && !line.removedBy.includes(by),
    )
  }

  #named(name: string, by: number): Line[] {
    const lower = name.toLowerCase()
    return this.#seenBy(by).filter((line) => line.name === lower)
  }

  left(): readonly Line[] {
    return this.#lines.filter(({ removedBy }) => removedBy.length === 0)
  }
}

const rawOf = ({ name, value }: Extract<FieldEdit, { value: string }>): string =>
  `${name}:${value}\r\n`

const written = (edit: Extract<FieldEdit, { value: string }>, by: number): Line => ({
  name: edit.name.toLowerCase(),
  raw: rawOf(edit),
  by,
  ours: true,
  removedBy: [],
})

function applied(came: Line[], step: readonly Edits[]): readonly Line[] {
  const lines = new Lines(came)
  step.forEach(({ list }, by) => {
    for (const edit of list)
      if (edit.do !== 'replaceBody' && edit.do !== 'removeForeign') lines.apply(edit, by)
  })
  return lines.left()
}

/**
 * What a step puts in front of a text, where it does nothing else: then the header section need not
 * be known. Undefined where it has to be.
 */
export function frontOf(step: readonly Edits[]): string | undefined {
  const [only] = step
  if (only !== undefined && step.length === 1) {
    const front = oneUnderOther(only)
    if (front !== undefined) return front
  }
  const inFront = step.every(({ list }) =>
    list.every((edit, i) => edit.do === 'insert' && edit.at <= i),
  )
  return inFront ? rawOfAll(applied([], step)) : undefined
}

/** Fields of one list that are written from the top down, as Rcptwise's own are. */
function oneUnderOther({ list }: Edits): string | undefined {
  let front = ''
  let at = 0
  for (const edit of list) {
    if (edit.do !== 'insert' || edit.at !== at++) return undefined
    front += rawOf(edit)
  }
  return front
}

const rawOfAll = (lines: readonly Line[]): string => lines.map(({ raw }) => raw).join('')

export interface EditedHeader {
  /** The fields, and behind them what is left of the section where not all of it is fields. */
  readonly header: Buffer
  /** The fields alone. Each ends with CRLF. */
  readonly fields: Buffer
}

/**
 * Edits see the fields up to the first line that is none, and of a section that is longer than is
 * read those that were read whole. The rest stays behind them as it came.
 */
export function editHeader(came: HeaderSection, step: readonly Edits[]): EditedHeader {
  const section = cleaned(came, step)
  const { fields: seen, bodyFrom } = seenFields(section)
  const { header } = section
  const lines = applied(
    seen.map(({ name, raw }) => ({ name, raw, ours: false, removedBy: [] })),
    step,
  )
  const rest = header.subarray(bodyFrom)
  const joint =
    lines.at(-1)?.ours === true && rest.length > 0 ? (jointBefore(rest, true) ?? '') : ''
  const last = lines.length - 1
  const ended = lines.map(({ raw }, i) => (i < last ? withEnd(raw) : raw)).join('')
  return {
    header: Buffer.concat([toOctets(ended + joint), rest]),
    fields: toOctets(withEnd(ended)),
  }
}

type Fields = Pick<HeaderSection, 'header' | 'end'>

/** Before any other edit, and also of what is not seen as fields. */
const cleaned = (section: Fields, step: readonly Edits[]): Fields =>
  step
    .flatMap(({ list }) => list)
    .reduce(
      (left, edit) =>
        edit.do === 'removeForeign'
          ? { header: withoutForeign(left, edit.host), end: left.end }
          : left,
      section,
    )

/** The last field of a text may have no line end. */
const withEnd = (raw: string): string => (raw === '' || raw.endsWith('\n') ? raw : `${raw}\r\n`)
