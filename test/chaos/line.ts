/**
 * What a scripted sender needs of its connection, and of the clock: over a socket (wire.ts), or
 * where neither is real (test/nodes). Nothing throws: who is not answered hears undefined.
 */

export interface Line {
  /** The other side has ended the connection. */
  readonly closed: boolean
  /** Nothing was said for as long as this client waits. */
  readonly silent: boolean
  send(text: string): void
  /** The last line of the next reply. */
  reply(): Promise<string | undefined>
  ask(line: string): Promise<string | undefined>
  /** Something has come that was not read yet, or nothing will come any more. */
  something(): Promise<void>
  leave(how: 'FIN' | 'RST'): void
  close(): void
}

export interface Clock {
  /** ms since the epoch. */
  now(): number
  sleep(ms: number): Promise<void>
}
