/**
 * Waiting for a condition: the only way the lab waits, so that a slow machine makes a test slow and
 * not wrong.
 */
import { setTimeout as sleep } from 'node:timers/promises'
import { testimony } from './witnesses.ts'

export interface UntilOptions {
  /** Then it rejects. Default 90 s, which is less than a test has. */
  readonly limitMs?: number
  /** The state of things, for the message of the error. */
  readonly explain?: () => string | Promise<string>
}

/** A wait that goes on, and who waits. */
interface Wait {
  readonly what: string
  readonly since: number
  readonly stack: string
}

const waits = new Set<Wait>()

/**
 * Asks `look` until it answers something other than undefined or false, and gives that answer.
 * Rejects after `limitMs` with `what`, whatever `explain` knows, and what each witness tells.
 */
export async function until<T>(
  what: string,
  look: () => T | Promise<T>,
  { limitMs = 90_000, explain }: UntilOptions = {},
): Promise<Exclude<T, undefined | false>> {
  const start = performance.now()
  const wait: Wait = { what, since: start, stack: new Error(what).stack ?? '' }
  waits.add(wait)
  try {
    for (;;) {
      const answer = await look()
      if (answer !== undefined && answer !== false) return answer as Exclude<T, undefined | false>
      if (performance.now() - start > limitMs) {
        const state = explain === undefined ? '' : `\n${await explain()}`
        throw new Error(`Waited ${limitMs} ms in vain: ${what}${state}${testimony()}`)
      }
      await sleep(50)
    }
  } finally {
    waits.delete(wait)
  }
}

/** How often in a row something has to be seen that can seem to hold for a moment. */
const looks = 4

/**
 * As `until`, for what can seem to hold for a moment: a queue looks empty to who reads one of its
 * folders before, and the other after, a message moved from this one to that. It has to be seen
 * four times in a row.
 */
export async function untilSteady(
  what: string,
  look: () => boolean | Promise<boolean>,
  options: UntilOptions = {},
): Promise<void> {
  let seen = 0
  const seenAgain = async (): Promise<boolean> => {
    seen = (await look()) ? seen + 1 : 0
    return seen === looks
  }
  await until(what, seenAgain, options)
}

/**
 * What is being waited for now, since when, and by whom: for the message of a test that took too
 * long.
 */
export const pendingWaits = (): readonly string[] =>
  [...waits].map(({ what, since, stack }) => {
    const callers = stack
      .split('\n')
      .filter((line) => line.includes('/test/') && !line.includes('/lab/until.'))
    return [`${what}, for ${Math.round((performance.now() - since) / 1000)} s`, ...callers].join(
      '\n',
    )
  })
