/**
 * What is true of each command wherever it comes, as data (the idea is Postfix's smtpd_cmd_table).
 */
import type { Verb } from './command.ts'

export interface CommandTraits {
  /**
   * Must end a pipelined group: what follows it in the same read is a violation (RFC 2920 3.1, RFC
   * 3207 4).
   */
  readonly endsGroup: boolean
  /**
   * Waits until every earlier command was answered. MAIL and RCPT don't, so that they can be shown
   * to the backend in one go.
   */
  readonly waits: boolean
}

const plain: CommandTraits = { endsGroup: false, waits: true }

export const commandTable: Readonly<Record<Verb, CommandTraits>> = {
  EHLO: { ...plain, endsGroup: true },
  HELO: { ...plain, endsGroup: true },
  MAIL: plain,
  RCPT: { ...plain, waits: false },
  DATA: { ...plain, endsGroup: true },
  BDAT: plain, // RFC 3030 4.2: chunks may be pipelined
  RSET: plain,
  NOOP: plain,
  QUIT: { ...plain, endsGroup: true },
  STARTTLS: { ...plain, endsGroup: true },
  AUTH: plain, // where it is offered it ends a group too (auth.ts)
  HELP: plain,
  VRFY: plain,
  EXPN: plain,
  XCLIENT: plain, // where it is offered it ends a group too (on-xclient.ts)
  unimplemented: plain,
  malformed: plain,
  foreign: plain,
  dot: plain,
  unknown: plain,
}
