/** swaks, the SMTP test client, in a place of its own. */
import { Place } from './place.ts'
import type { Ran } from './run.ts'

export interface Swaks extends AsyncDisposable {
  /**
   * Runs swaks(1) to its end; `transcript` is the dialogue, `code` as in its manual under EXIT
   * CODES.
   */
  readonly run: (args: readonly string[]) => Promise<Ran>
}

export async function openSwaks(): Promise<Swaks> {
  const place = await Place.make('swaks')
  return {
    run: async (args) => await place.run('/usr/bin/swaks', args, { env: { HOME: '/' } }),
    [Symbol.asyncDispose]: async () => {
      await place[Symbol.asyncDispose]()
    },
  }
}
