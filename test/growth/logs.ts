/** What reads logs of others and our own, for readers.ts, and what their lines begin with. */
import { LogLines } from '../../src/maillog/log-line.ts'
import { readRspamdHistory } from '../../src/maillog/rspamd-history.ts'
import { TextLines } from '../../src/maillog/text-lines.ts'

export function readLogs(text: string): void {
  const lines = new LogLines(Date.UTC(2026, 10, 30))
  for (const line of text.split('\n')) lines.read(line)
  const cut = new TextLines()
  for (let at = 0; at < text.length; at += 4096)
    cut.push(Buffer.from(text.slice(at, at + 4096), 'latin1'))
  readRspamdHistory([{ unix_time: 1, action: text, symbols: { [text]: 1 }, qid: text }])
}

export const logBeginnings = [
  'Nov 30 10:03:15 mx postfix/smtpd[1]: 18B0E40E45E: client=',
  'Nov 30 10:03:15 mx postfix/smtpd[1]: NOQUEUE: reject: RCPT from a[1]: 450 ',
  'Nov 30 10:03:15 mx postfix/cleanup[1]: 18B0E40E45E: milter-reject: END-OF-MESSAGE from ',
  'Nov 30 10:03:15 mx postfix/qmgr[1]: 18B0E40E45E: from=<',
  'Nov 30 10:03:15 mx postfix/lmtp[1]: 18B0E40E45E: to=<',
  '2026-11-30 10:03:15 1xXyEA-0000OJ-2L <= a@x H=',
  '2026-11-30 10:03:15 1xXyEA-0000OJ-2L => a <',
  '2026-11-30 10:03:15 1xXyEA-0000OJ-2L H=x F=<a> rejected after DATA: ',
  '2026-11-30 10:03:15 #1(x) <a>; proxy; rspamd_task_write_log: id: <a>, (default: F (x): [1/2] [',
  'Nov 30 10:03:15 mx spamd[1]: spamd: result: Y 12 - ',
  '{"event":"transactionEnded","time":1,"from":"',
] as const
