/** Octets to another program and back, over whatever stream its protocol has. */

/** A question that came to nothing, in words. */
export interface Failed {
  readonly failed: string
}

/** What is sent, piece by piece. */
export interface Pieces {
  chunks(): AsyncIterable<Buffer> | Iterable<Buffer>
}

interface Writable {
  write(chunk: Buffer): boolean
  end(): unknown
  readonly destroyed: boolean
  once(event: string, listener: () => void): unknown
  off(event: string, listener: () => void): unknown
}

/** At the pace at which it is read. What `until` says ends it: an answer that comes earlier. */
export async function writeText(
  to: Writable,
  text: Pieces,
  until: readonly string[],
): Promise<void> {
  // No AbortController: to abort one costs an exception with its stack.
  const over = { yes: false }
  const end = (): void => {
    over.yes = true
  }
  const ends = ['close', ...until]
  for (const event of ends) to.once(event, end)
  for await (const chunk of text.chunks()) {
    if (over.yes || to.destroyed) break
    if (!to.write(chunk)) await drained(to, ends)
  }
  to.end()
}

/** One chunk, at the same pace; who reads from the connection hears what has gone wrong with it. */
export async function writeChunk(to: Writable, chunk: Buffer): Promise<void> {
  if (!to.destroyed && !to.write(chunk)) await drained(to, ['close'])
}

async function drained(to: Writable, ends: readonly string[]): Promise<void> {
  const { promise, resolve } = Promise.withResolvers<undefined>()
  const done = (): void => resolve(undefined)
  const events = ['drain', ...ends]
  for (const event of events) to.once(event, done)
  if (to.destroyed) done()
  await promise
  for (const event of events) to.off(event, done)
}

/** All until the end; undefined: it is longer than the limit. */
export async function readBounded(
  from: AsyncIterable<unknown>,
  limit: number,
): Promise<Buffer | undefined> {
  const chunks: Buffer[] = []
  let size = 0
  for await (const chunk of from as AsyncIterable<Buffer>) {
    size += chunk.length
    if (size > limit) return undefined
    chunks.push(chunk)
  }
  return Buffer.concat(chunks)
}

/** For the log: the code that operators know, such as ECONNREFUSED, or the words. */
export function failureInWords(error: unknown): string {
  if (!(error instanceof Error)) return String(error)
  if (!('code' in error) || typeof error.code !== 'string') return error.message
  // Codes of Node's HTTP parser.
  return error.code.startsWith('HPE_') ? `it does not speak HTTP (${error.code})` : error.code
}

/** Behind a failure to reach a server, for `check`. */
export const askedAt = (failure: string, key: string): string =>
  /^E[A-Z]+$|^ABORT_ERR$/.test(failure)
    ? `does not answer (${failure}); is it running, and does it listen there (${key})?`
    : failure
