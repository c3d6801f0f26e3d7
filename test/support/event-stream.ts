/** Reads a `text/event-stream` as a console does: by fetch, and piece by piece. */

export interface HeardEvent {
  readonly id: string
  readonly name: string
  readonly data: Readonly<Record<string, unknown>>
}

export interface EventReader extends Disposable {
  /** All that has come so far. */
  readonly heard: HeardEvent[]
  /** The stream is over, or its connection has gone. */
  readonly ended: Promise<void>
  /** Of this name. */
  of(name: string): readonly HeardEvent[]
}

export async function readEvents(
  url: string,
  headers: Readonly<Record<string, string>> = {},
): Promise<EventReader> {
  const leaving = new AbortController()
  const response = await fetch(url, { headers, signal: leaving.signal })
  if (response.status !== 200 || response.body === null)
    throw new Error(`no events: HTTP ${response.status} ${await response.text()}`)
  const heard: HeardEvent[] = []
  const read = async (body: AsyncIterable<Uint8Array>): Promise<void> => {
    let text = ''
    const decoder = new TextDecoder()
    for await (const chunk of body) {
      const frames = (text + decoder.decode(chunk, { stream: true })).split('\n\n')
      text = frames.pop() ?? ''
      heard.push(...frames.flatMap((frame) => eventOf(frame) ?? []))
    }
  }
  return {
    heard,
    ended: read(response.body).catch(() => undefined),
    of: (name) => heard.filter((event) => event.name === name),
    [Symbol.dispose]: () => leaving.abort(),
  }
}

/** Undefined: a comment. */
function eventOf(frame: string): HeardEvent | undefined {
  const fields = new Map(
    frame
      .split('\n')
      .filter((line) => !line.startsWith(':'))
      .map((line): [string, string] => {
        const at = line.indexOf(': ')
        return [line.slice(0, at), line.slice(at + 2)]
      }),
  )
  const [id, name, data] = [fields.get('id'), fields.get('event'), fields.get('data')]
  if (id === undefined || name === undefined || data === undefined) return undefined
  return { id, name, data: JSON.parse(data) as HeardEvent['data'] }
}
