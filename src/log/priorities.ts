/**
 * Priorities for the journal: systemd reads `<N>` at the beginning of a line on standard output as
 * the level of syslog (sd-daemon), and takes it away.
 */

const levels: Readonly<Record<string, number>> = { fatal: 2, error: 3, warn: 4, info: 6, debug: 7 }

/** The prefix of a line of this level. */
export const priorityOf = (level: string): string => `<${levels[level] ?? 6}>`

/** Each of the lines, which have their ends. */
export const prefixed = (lines: string, prefix: string): string =>
  lines.replace(/^(?=.)/gm, () => prefix)

/**
 * Whether standard output leads to the journal: systemd names its device and inode
 * (`JOURNAL_STREAM`, systemd.exec(5)). `stdout`: what it is.
 */
export function leadsToJournal(
  stream: string | undefined,
  stdout: { readonly dev: bigint; readonly ino: bigint },
): boolean {
  return stream === `${stdout.dev}:${stdout.ino}`
}
