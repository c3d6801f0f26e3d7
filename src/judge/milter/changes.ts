/** What a filter wants changed, as edits of the text; what can't be done is named. Pure. */
import type { Edit } from '../../message/edits.ts'
import type { Change } from './replies.ts'

export interface Changed {
  readonly edits: readonly Edit[]
  /** In words for the log. */
  readonly leftOut: readonly string[]
  /** Who is not to get the message, without a word to anyone. */
  readonly deleted: readonly string[]
  readonly isQuarantined: boolean
}

/** `keepsSpace`: values have their blank behind the colon already. */
export function changedBy(changes: readonly Change[], keepsSpace: boolean): Changed {
  const body = changes.flatMap((change) => (change.change === 'body' ? [change.octets] : []))
  const replaced: readonly Edit[] =
    body.length === 0 ? [] : [{ do: 'replaceBody', body: kept(body) }]
  return {
    edits: [...changes.flatMap((change) => editsOf(change, keepsSpace)), ...replaced],
    leftOut: changes.flatMap((change) => {
      if (change.change === 'add recipient') return ['it adds a recipient']
      return change.change === 'sender' ? ['it changes the sender'] : []
    }),
    deleted: changes.flatMap((change) =>
      change.change === 'delete recipient' ? [change.address] : [],
    ),
    isQuarantined: changes.some(({ change }) => change === 'quarantine'),
  }
}

function editsOf(change: Change, keepsSpace: boolean): readonly Edit[] {
  const space = keepsSpace ? '' : ' '
  switch (change.change) {
    case 'add':
      return [{ do: 'add', name: change.name, value: folded(space + change.value) }]
    case 'insert':
      // It counts the Received field that Rcptwise puts on top, as with sendmail and Postfix.
      return [
        {
          do: 'insert',
          at: Math.max(0, change.index - 1),
          name: change.name,
          value: folded(space + change.value),
        },
      ]
    case 'set': {
      const { name, value } = change
      const nth = Math.max(1, change.index)
      return value === ''
        ? [{ do: 'remove', name, nth }]
        : [{ do: 'change', name, nth, value: folded(space + value) }]
    }
    default:
      return []
  }
}

/** Filters fold with LF, and some with CRLF; some end with a line end. */
function folded(value: string): string {
  const lines = value.split(/\r?\n/)
  while (lines.length > 1 && lines.at(-1) === '') lines.pop()
  return lines.join('\r\n')
}

const kept = (chunks: readonly Buffer[]) => ({
  whole: () => chunks,
  async *chunks() {
    for (const chunk of chunks) yield await Promise.resolve(chunk)
  },
})
