/** The fields of a header section as those see them who believe or change something in it. */
import { type HeaderField, readFirstFields } from './header-fields.ts'
import type { HeaderSection } from './header-section.ts'

export interface SeenFields {
  /**
   * Up to the first line that is no field; of a section that is longer than is read those that were
   * read whole.
   */
  readonly fields: readonly HeaderField[]
  /** Where in the section they end. */
  readonly bodyFrom: number
}

export function seenFields({ header, end }: Pick<HeaderSection, 'header' | 'end'>): SeenFields {
  const { leading, bodyFrom } = readFirstFields(header)
  const cut = end === 'limit' && bodyFrom === undefined ? leading.at(-1) : undefined
  return cut === undefined
    ? { fields: leading, bodyFrom: bodyFrom ?? header.length }
    : { fields: leading.slice(0, -1), bodyFrom: header.length - cut.raw.length }
}
