/** What of a filter's wishes is made: each that can be, and a new body before all. */
import fc from 'fast-check'
import { expect, it } from 'vitest'
import { possibleEdits } from '../../src/judge/possible-edits.ts'
import {
  type Edit,
  editedFieldsBytes,
  editedLineBytes,
  mostEdits,
} from '../../src/message/edits.ts'
import { octet } from '../smtp/splits.ts'
import { runs } from '../support/properties.ts'
import { textOf } from './texts.ts'

const body = (octets: string): Edit => ({
  do: 'replaceBody',
  body: textOf([octet(octets)], true),
})
const add = (value: string): Edit => ({ do: 'add', name: 'X-A', value })
const line = ` ${'x'.repeat(editedLineBytes - 10)}`
const folded = Array.from({ length: 60 }, () => line).join('\r\n')

const wishes = fc.array(
  fc.oneof(
    fc.constantFrom(add(' fine'), add(' not\nfine'), add(folded), body('clean\r\n')),
    fc.record({ do: fc.constant('remove' as const), nth: fc.integer(), name: fc.string() }),
  ),
  { maxLength: 8 },
)

it('a new body is made whatever else is wanted, before it or behind it', () =>
  fc.assert(
    fc.property(wishes, fc.constantFrom(1, 100), (wanted, times) => {
      const all = Array.from({ length: times }, () => wanted).flat()
      const bodies = all.filter((edit) => edit.do === 'replaceBody')
      const made = possibleEdits(all)
      expect(made.edits?.list.filter((edit) => edit.do === 'replaceBody') ?? []).toEqual(
        bodies.slice(0, mostEdits),
      )
      expect(made.left === undefined).toBe((made.edits?.list.length ?? 0) === all.length)
    }),
    { numRuns: runs(300) },
  ))

it('too many fields, or too long ones, cost themselves, and no body', () => {
  const many = Array.from({ length: 2 * mostEdits }, () => add(' fine'))
  const long = Array.from({ length: Math.ceil(editedFieldsBytes / folded.length) }, () =>
    add(folded),
  )
  for (const fields of [many, long]) {
    const { edits, left } = possibleEdits([...fields, body('clean\r\n')])
    expect(edits?.list.map((edit) => edit.do)).toContain('replaceBody')
    expect(left).toMatch(/changes can't be made: /)
  }
})

it('a body that no server would get past its guard: the filter has failed', () => {
  for (const octets of ['\0.\r\n', 'a\r\n\0.b\r\n', 'a\n\0.\r\n'])
    expect(possibleEdits([add(' fine'), body(octets)])).toEqual({
      failed: "its body can't be passed on: nul",
    })
  expect(possibleEdits([body('bare\nlines\rand a \0\r\n.\r\n')]).failed).toBeUndefined()
})
