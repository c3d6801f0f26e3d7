/** When to come back, in words and in the form of draft-santos-smtpgrey-02 2.4. */

/**
 * `again in 60 seconds; retry=00:01:00`: one number of seconds only, since Postal takes the first
 * (senders).
 */
export function retryHint(seconds: number): string {
  return `again in ${seconds} seconds; retry=${formatClock(seconds)}`
}

/** `[DD-]HH:MM:SS`. */
export function formatClock(seconds: number): string {
  const two = (n: number): string => String(n).padStart(2, '0')
  const days = Math.floor(seconds / 86_400)
  const clock = `${two(Math.floor(seconds / 3600) % 24)}:${two(Math.floor(seconds / 60) % 60)}:${two(seconds % 60)}`
  return days > 0 ? `${two(days)}-${clock}` : clock
}

const written = /\bretry=(?:(\d+)-)?(\d+):(\d+):(\d+)/

/** Seconds that a reply asks to wait for; undefined where it says nothing of it. */
export function readRetryHint(words: string): number | undefined {
  const clock = written.exec(words)
  if (clock === null) return undefined
  const [days = 0, hours = 0, minutes = 0, seconds = 0] = clock.slice(1).map((n) => Number(n) || 0)
  return ((days * 24 + hours) * 60 + minutes) * 60 + seconds
}
