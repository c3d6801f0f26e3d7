/** The text/event-stream of the API, as it comes in pieces (WHATWG HTML 9.2.6). Pure. */

export interface StreamEvent {
  readonly id: string
  readonly name: string
  readonly data: string
}

export class EventReader {
  #rest = ''

  /** Gives the events that are whole now. */
  take(piece: string): readonly StreamEvent[] {
    const blocks = (this.#rest + piece).split('\n\n')
    this.#rest = blocks.pop() ?? ''
    return blocks.flatMap((block) => eventIn(block))
  }
}

/** A comment alone is no event. */
function eventIn(block: string): readonly StreamEvent[] {
  const fields = new Map(
    block.split('\n').flatMap((line): [string, string][] => {
      const colon = line.indexOf(':')
      return colon < 1 ? [] : [[line.slice(0, colon), line.slice(colon + 1).replace(/^ /, '')]]
    }),
  )
  const data = fields.get('data')
  if (data === undefined) return []
  return [{ id: fields.get('id') ?? '', name: fields.get('event') ?? 'message', data }]
}
