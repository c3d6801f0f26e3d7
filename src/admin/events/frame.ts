/**
 * An event as it goes to a reader: the fields of a `text/event-stream` (HTML, 9.2). Its data is one
 * line of JSON, so that no octet from outside can end a field. Pure.
 */

/** What happened, ready to be sent: `data` is JSON, which has no line end in it. */
export interface LiveEvent {
  readonly name: string
  readonly data: string
}

/** Where a reader is: how many events `serve` has told since its start, and of which start. */
export interface Position {
  /** Of one run of `serve`. */
  readonly epoch: string
  readonly number: number
}

export const positionText = ({ epoch, number }: Position): string => `${epoch}-${number}`

/** Of what a reader says it has read last; undefined when that was never one of our ids. */
export function parsePosition(text: string): Position | undefined {
  const [, epoch = '', number = ''] = /^([0-9a-z]{1,32})-(\d{1,15})$/.exec(text) ?? []
  return epoch === '' ? undefined : { epoch, number: Number(number) }
}

export const frameOf = ({ name, data }: LiveEvent, id: string): string =>
  `id: ${id}\nevent: ${name}\ndata: ${data}\n\n`

/** Nothing has happened: a comment, which tells whether the other end is still there. */
export const heartbeat = ':\n\n'
