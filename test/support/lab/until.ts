/** Waiting for a condition: the only way the lab waits, so that a slow machine makes a test slow and not wrong. */
import { setTimeout as sleep } from 'node:timers/promises'

/**
 * Asks `look` until it answers something other than undefined or false, and gives that answer.
 * Rejects after `limitMs` (default 60 s) with `what` and whatever `explain` knows about the state of things.
 */
export async function until<T>(
  what: string,
  look: () => T | Promise<T>,
  options: { readonly limitMs?: number; readonly explain?: () => string | Promise<string> } = {},
): Promise<Exclude<T, undefined | false>> {
  const { limitMs = 60_000, explain } = options
  const end = performance.now() + limitMs
  for (;;) {
    const answer = await look()
    if (answer !== undefined && answer !== false) return answer as Exclude<T, undefined | false>
    if (performance.now() > end) {
      const state = explain === undefined ? '' : `\n${await explain()}`
      throw new Error(`Waited ${limitMs} ms in vain: ${what}${state}`)
    }
    await sleep(50)
  }
}
