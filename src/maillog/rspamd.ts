/** The line that rspamd writes of each message (`rspamd_task_write_log`). Pure. */
import { between, scoreOf, symbolsOf, wholeNumber } from './cut-out.ts'
import { type Judged, type Score, type Seen, unreadable } from './sighting.ts'

export const rspamdMark = 'rspamd_task_write_log: '

/** `line` holds the mark. */
export function readRspamd(line: string): Seen {
  const from = line.indexOf(rspamdMark) + rspamdMark.length
  if (!line.startsWith('id: ', from) && !line.startsWith('(', from)) return undefined
  const open = resultAt(line, from)
  if (open === undefined) return unreadable
  const close = line.indexOf(')', open)
  const score = between(line, '[', '/', close)
  const required = between(line, '/', ']', close)
  const limit = scoreOf(required)
  if (close < 0 || score === undefined || limit === undefined) return unreadable
  const action = line.slice(open, close)
  const list = line.indexOf(' [', line.indexOf(']', close))
  const end = line.indexOf(']), ', list)
  if (list < 0 || end < 0) return unreadable
  const head = line.slice(from, open)
  return {
    kind: 'judged',
    score: scoreIn({ action, score: scoreOf(score), limit, symbols: line.slice(list + 2, end) }),
    ...envelopeIn(head, line.slice(end)),
  }
}

/** Where the action stands: behind `(default: T (`. Who chose the Message-ID stands before it. */
function resultAt(line: string, from: number): number | undefined {
  for (const mark of ['(default: T (', '(default: F (', '(default: S (']) {
    const at = line.indexOf(mark, from)
    if (at >= 0) return at + mark.length
  }
  return undefined
}

interface Told {
  readonly action: string
  readonly score: number | undefined
  readonly limit: number
  readonly symbols: string
}

function scoreIn({ action, score, limit, symbols }: Told): Score {
  const forced = forcedBy(action, score, limit)
  return {
    scanner: 'rspamd',
    symbols: symbolsOf(namesIn(symbols)),
    ...(score !== undefined && { score }),
    ...(forced !== undefined && { forced }),
  }
}

/** As of a running rspamd (judge/rspamd/answer.ts): what does not fit the score was forced. */
export function forcedBy(
  action: string,
  score: number | undefined,
  limit: number,
): Score['forced'] {
  if (action === 'soft reject') return 'defer'
  if (action === 'discard' || action === 'quarantine') return action
  return action === 'reject' && (score === undefined || score < limit) ? 'reject' : undefined
}

/** `ONE(1.00){a;b;},TWO(0.00){}`: options are of the sender's choice. */
function namesIn(list: string): readonly string[] {
  const names: string[] = []
  for (let at = 0; at < list.length;) {
    const open = list.indexOf('(', at)
    if (open < 0) break
    names.push(list.slice(at, open))
    const options = list.indexOf('{', open)
    const end = options < 0 ? -1 : list.indexOf('}', options)
    if (end < 0) break
    at = end + 2
  }
  return names
}

/**
 * Before it `id: <…>, qid: <…>, ip: 192.0.2.1, from: <s@x>, `, behind it `len: 306` and `rcpts:
 * <a@x,…>`.
 */
function envelopeIn(head: string, tail: string): Omit<Judged, 'kind' | 'score'> {
  const messageId = between(head, 'id: <', '>')
  const queueId = between(head, 'qid: <', '>')
  const address = between(head, 'ip: ', ',')
  const sender = between(head, 'from: <', '>')
  const sizeBytes = wholeNumber(between(tail, 'len: ', ','))
  const listed = between(tail, 'rcpts: <', '>')
  const own = head.includes(', user: ') ? ({ own: true } as const) : {}
  return {
    ...(messageId !== undefined && messageId !== 'undef' && { messageId }),
    ...(queueId !== undefined && { queueId }),
    ...(address !== undefined && isTold(address) && { client: { address, ...own } }),
    ...(sender !== undefined && { sender }),
    ...(sizeBytes !== undefined && { sizeBytes }),
    ...(listed !== undefined && { recipients: recipientsIn(listed) }),
  }
}

const isTold = (address: string): boolean => address !== '' && address !== 'undef'

/** rspamd names the first eight alone (`max_log_elts`). */
function recipientsIn(listed: string): NonNullable<Judged['recipients']> {
  const all = listed.split(',')
  const known = all.filter((one) => one !== '...' && one !== '')
  return { known, whole: known.length === all.length }
}
