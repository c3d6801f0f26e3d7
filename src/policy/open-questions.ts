/** Questions that are under way at a server, and their end. */

/** The promise, unless nobody waits any more. */
export async function unlessAborted<T>(promise: Promise<T>, signal: AbortSignal): Promise<T> {
  const { promise: aborted, reject } = Promise.withResolvers<never>()
  const onAbort = (): void => reject(new Error('nobody waits for the answer any more'))
  if (signal.aborted) onAbort()
  signal.addEventListener('abort', onAbort)
  try {
    return await Promise.race([promise, aborted])
  } finally {
    signal.removeEventListener('abort', onAbort)
  }
}

/** What is being asked, so that closing ends it. */
export class OpenQuestions {
  readonly #closing = new AbortController()

  /** Aborted when either nobody waits any more, or it is closed. */
  signal(asked: AbortSignal): AbortSignal {
    return AbortSignal.any([asked, this.#closing.signal])
  }

  close(): void {
    this.#closing.abort()
  }
}
