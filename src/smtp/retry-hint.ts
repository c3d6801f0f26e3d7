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
