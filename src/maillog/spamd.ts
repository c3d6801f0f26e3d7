/** What SpamAssassin's spamd writes of each message. */
import { between, scoreOf, symbolsOf } from './cut-out.ts'
import { type Seen, unreadable } from './sighting.ts'

/** Processes of which a score is awaited: more have never run side by side. */
const mostProcesses = 1000

/**
 * spamd tells the whole score in one line (`clean message (3.4/5.0) for …`) and the Message-ID in
 * the next one of the same process, where the score is rounded.
 */
export class SpamdLog {
  readonly #scores = new Map<string, number>()

  /** `text`: from `spamd: ` on. */
  read(process: string, text: string): Seen {
    if (text.startsWith('spamd: result: ')) return this.#result(process, text)
    const isScore =
      text.startsWith('spamd: clean message (') || text.startsWith('spamd: identified spam (')
    if (!isScore) return undefined
    const score = scoreOf(between(text, '(', '/'))
    if (score === undefined) return unreadable
    if (this.#scores.size >= mostProcesses) this.#scores.clear()
    this.#scores.set(process, score)
    return undefined
  }

  /** `spamd: result: Y 12 - ONE,TWO scantime=0.1,size=1,…,mid=<m@x>,autolearn=no`. */
  #result(process: string, text: string): Seen {
    const dash = text.indexOf(' - ')
    const end = text.indexOf(' scantime=', dash)
    const rounded = scoreOf(dash < 0 ? undefined : text.slice(17, dash).trim())
    if (dash < 0 || end < 0 || rounded === undefined) return unreadable
    const score = this.#scores.get(process) ?? rounded
    this.#scores.delete(process)
    const messageId = between(text, ',mid=<', '>', end)
    if (messageId === undefined) return undefined
    const symbols = symbolsOf(text.slice(dash + 3, end).split(','))
    return { kind: 'judged', messageId, score: { scanner: 'spamd', score, symbols } }
  }
}
