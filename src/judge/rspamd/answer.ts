/**
 * What rspamd says of a message: the JSON of `/checkv2`, which is as long as rspamd likes and as
 * right as the site's rules in it are. Pure. What can't be read is left out and named; without a
 * score there is no answer at all.
 */
import type { Edit } from '../../message/edits.ts'
import { octetsOf, printable } from '../../smtp/octets.ts'
import { isObject, type Json, readObject } from '../../exchange/json.ts'
import { fieldValue, words } from '../said.ts'

/** A result that no score has made: antivirus, rate limit, greylisting, a multimap of the site. */
export interface Forced {
  readonly action: 'reject' | 'defer' | 'discard' | 'quarantine' | 'tag'
  /** rspamd's own words for the sender: octets, on one line. */
  readonly words?: string
}

export interface Scan {
  readonly score: number
  /** Names, the weightiest first. */
  readonly symbols: readonly string[]
  /** In rspamd's words. */
  readonly action: string
  readonly forced?: Forced
  /** What its rules want changed in the text. */
  readonly edits: readonly Edit[]
  /** Of its own, seconds. */
  readonly seconds?: number
}

/** Symbols that are told on; a message has some dozen. */
export const mostSymbols = 100
/** Octets of a symbol's name. */
export const longestName = 100

export function readAnswer(body: Buffer): Scan | { readonly failed: string } {
  const read = readObject(body)
  if ('failed' in read) return read
  const { object: answer } = read
  const { score, action, error } = answer
  if (typeof error === 'string') return { failed: `it says: ${words(error)}` }
  if (typeof score !== 'number' || !Number.isFinite(score))
    return { failed: 'its answer has no score' }
  if (typeof action !== 'string') return { failed: 'its answer has no action' }
  const forced = forcedBy(answer, { score, action })
  const seconds = answer['time_real']
  return {
    score,
    symbols: symbolsOf(answer['symbols']),
    action: words(action),
    ...(forced === undefined ? {} : { forced }),
    edits: editsOf(answer),
    ...(typeof seconds === 'number' && Number.isFinite(seconds) ? { seconds } : {}),
  }
}

/**
 * Newer versions name the module (`passthrough_module`). Version 3.4 does not, but a forced result
 * has words of its own, is skipped (GTUBE), or does not fit its score. `greylist` without words
 * means that the module is off or has let it pass; with words, that it was told to say so.
 */
function forcedBy(
  answer: Json,
  { score, action }: { readonly score: number; readonly action: string },
): Forced | undefined {
  const messages = answer['messages']
  const said = isObject(messages) ? messages['smtp_message'] : undefined
  const told = typeof said === 'string' && said !== '' ? { words: words(said) } : {}
  const required = answer['required_score']
  const byScore = typeof required === 'number' && score >= required
  const named = typeof answer['passthrough_module'] === 'string' || answer['is_skipped'] === true
  const milter = answer['milter']
  const wanted = isObject(milter) ? milter['reject'] : undefined
  if (wanted === 'discard' || wanted === 'quarantine') return { action: wanted, ...told }
  switch (action) {
    case 'soft reject':
      return { action: 'defer', ...told }
    case 'greylist':
      return named || 'words' in told ? { action: 'defer', ...told } : undefined
    case 'discard':
    case 'quarantine':
      return { action, ...told }
    case 'reject':
      return named || !byScore ? { action: 'reject', ...told } : undefined
    case 'add header':
    case 'rewrite subject':
      return named || 'words' in told ? { action: 'tag' } : undefined
    default:
      return undefined
  }
}

function symbolsOf(symbols: unknown): readonly string[] {
  if (!isObject(symbols)) return []
  return Object.entries(symbols)
    .map(([name, symbol]): readonly [string, number] => {
      const score = isObject(symbol) ? symbol['score'] : undefined
      return [name, typeof score === 'number' ? Math.abs(score) : 0]
    })
    .sort(([, one], [, other]) => other - one)
    .slice(0, mostSymbols)
    .map(([name]) => printable(octetsOf(name)).slice(0, longestName))
}

/** Removals first, as rspamd's own milter makes them; then what is added. */
function editsOf(answer: Json): readonly Edit[] {
  const milter = isObject(answer['milter']) ? answer['milter'] : {}
  const subject = answer['action'] === 'rewrite subject' ? answer['subject'] : undefined
  return [
    ...entries(milter['remove_headers']).flatMap(([name, which]) =>
      listOf(which)
        .filter((nth): nth is number => typeof nth === 'number' && Number.isInteger(nth))
        .map((nth): Edit => ({ do: 'remove', name: octetsOf(name), nth })),
    ),
    ...(typeof subject === 'string'
      ? [{ do: 'change', nth: 1, name: 'Subject', value: fieldValue(subject) } satisfies Edit]
      : []),
    ...entries(milter['add_headers']).flatMap(([name, values]) =>
      listOf(values).flatMap((value) => added(octetsOf(name), value)),
    ),
  ]
}

function added(name: string, value: unknown): Edit[] {
  const text = isObject(value) ? value['value'] : value
  if (typeof text !== 'string') return []
  const order = isObject(value) ? value['order'] : undefined
  const at = typeof order === 'number' && Number.isInteger(order) && order >= 0 ? order : undefined
  return [
    at === undefined
      ? { do: 'add', name, value: fieldValue(text) }
      : { do: 'insert', at, name, value: fieldValue(text) },
  ]
}

const entries = (value: unknown): [string, unknown][] =>
  isObject(value) ? Object.entries(value) : []

const listOf = (value: unknown): readonly unknown[] => (Array.isArray(value) ? value : [value])
