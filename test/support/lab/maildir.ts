/**
 * Reading what a mail server delivered: Maildirs, and the reports of failure among the messages.
 */
import { readdir, readFile } from 'node:fs/promises'
import path from 'node:path'

/** The messages of a Maildir, whole, as bytes in latin1; none while it does not exist. */
export async function readMaildir(directory: string): Promise<string[]> {
  const messages: string[] = []
  for (const part of ['new', 'cur']) {
    const names = await readdir(path.join(directory, part)).catch(() => [])
    for (const name of names.sort())
      messages.push(await readFile(path.join(directory, part, name), 'latin1'))
  }
  return messages
}

/** One recipient that a report of failure names, and the reply that it quotes. */
export interface Bounce {
  readonly recipient: string
  /** The last reply for this recipient, as the report quotes it; empty when it quotes none. */
  readonly reply: string
  /** The whole report. */
  readonly report: string
}

/**
 * The recipients that reports of permanent failure name (RFC 3464 2.3.2, 2.3.3: Final-Recipient
 * with Action: failed). A recipient that was reported twice is there twice.
 */
export function bounces(messages: readonly string[]): Bounce[] {
  return messages.flatMap((report) => {
    const blocks = report.replaceAll('\r\n', '\n').split(/\n\n+/)
    return blocks.flatMap((block) => {
      const recipient = /^Final-Recipient: *rfc822; *<?([^\s>]+)>?/im.exec(block)?.[1]
      return recipient !== undefined && /^Action: *failed/im.test(block)
        ? [{ recipient, reply: diagnosticOf(block), report }]
        : []
    })
  })
}

/** RFC 3464 2.3.6, its folded lines joined. */
const diagnosticOf = (block: string): string =>
  /^Diagnostic-Code: *smtp; *(.*(?:\n[ \t].*)*)/im.exec(block)?.[1]?.replaceAll(/\n[ \t]+/g, ' ') ??
  ''
