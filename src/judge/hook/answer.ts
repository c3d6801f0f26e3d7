/**
 * What a hook says of a message, in Stalwart's dialect of MTA Hooks, and our addition to it: an
 * answer per recipient. Pure. Without an action there is no answer at all; what can't be done is
 * left out and named.
 */
import type { Edit } from '../../message/edits.ts'
import type { TextSource } from '../../message/text-source.ts'
import { octetsOf } from '../../smtp/octets.ts'
import type { Reply } from '../../smtp/reply.ts'
import type { Opinion } from '../../verdict/judgement.ts'
import { isObject, type Json, readObject } from '../../exchange/json.ts'
import { fieldValue, words } from '../said.ts'

export interface HookAnswer {
  /** For who is not named; absent: the message is fine. */
  readonly opinion?: Opinion
  /** By address, in octets, as the hook has written it. */
  readonly recipients: ReadonlyMap<string, Opinion | undefined>
  readonly edits: readonly Edit[]
  /** What it wants and can't have. */
  readonly leftOut: readonly string[]
}

export function readAnswer(body: Buffer): HookAnswer | { readonly failed: string } {
  const read = readObject(body)
  if ('failed' in read) return read
  const { object } = read
  const leftOut = new Set<string>()
  const opinion = opinionOf(object, leftOut)
  if ('failed' in opinion) return opinion
  const recipients = recipientsOf(object['recipients'], leftOut)
  if ('failed' in recipients) return recipients
  const edits = editsOf(object['modifications'], leftOut)
  return 'failed' in edits ? edits : { ...opinion, ...recipients, ...edits, leftOut: [...leftOut] }
}

const actions: ReadonlyMap<unknown, Opinion['verdict'] | undefined> = new Map([
  ['accept', undefined],
  ['reject', 'reject'],
  ['discard', 'discard'],
  ['quarantine', 'quarantine'],
])

type Failed = { readonly failed: string }

function opinionOf(said: Json, leftOut: Set<string>): { readonly opinion?: Opinion } | Failed {
  const { action, response } = said
  if (!actions.has(action))
    return {
      failed: `its answer has no action${typeof action === 'string' ? ` ${words(action)}` : ''}`,
    }
  const verdict = actions.get(action)
  const wished = isObject(response) ? response : {}
  // Others' messages may still be under way in this session.
  if (wished['disconnect'] === true) leftOut.add('disconnect')
  if (verdict === undefined) return {}
  return { opinion: verdict === 'reject' ? refusal(wished) : { verdict } }
}

/** 421 would end the session: it becomes the 4yz that does not. */
function refusal({ status, message, ...more }: Json): Opinion {
  const known = typeof status === 'number' && /^[45][0-5][0-9]$/.test(String(status))
  const code = known ? (status === 421 ? 451 : status) : 550
  const verdict = code < 500 ? 'defer' : 'reject'
  const reply = replyOf(code, {
    message,
    enhanced: more['enhanced_status'] ?? more['enhancedStatus'],
  })
  return { verdict, ...(reply === undefined ? {} : { reply }) }
}

/** RFC 3463 3.8: security or policy, unless the hook says what it is. */
function replyOf(
  code: number,
  { message, enhanced }: { readonly message: unknown; readonly enhanced: unknown },
): Reply | undefined {
  if (typeof message !== 'string' || message.trim() === '') return undefined
  const written = /^([45])\.(\d{1,3}\.\d{1,3})$/.exec(typeof enhanced === 'string' ? enhanced : '')
  const fits = written?.[1] === String(code)[0]
  return { code, detail: (fits ? written?.[2] : undefined) ?? '7.1', lines: [words(message)] }
}

function recipientsOf(
  said: unknown,
  leftOut: Set<string>,
): Pick<HookAnswer, 'recipients'> | Failed {
  const recipients = new Map<string, Opinion | undefined>()
  for (const [address, answer] of isObject(said) ? Object.entries(said) : []) {
    const opinion = isObject(answer) ? opinionOf(answer, leftOut) : { failed: 'no answer' }
    if ('failed' in opinion) return { failed: `of ${words(address)}: ${opinion.failed}` }
    recipients.set(octetsOf(address), opinion.opinion)
  }
  return { recipients }
}

/**
 * They are made in their order. What is added stands on top, as Stalwart puts it there. Contents
 * come first, lest they get lost behind too many fields; several are one, as with Stalwart.
 */
function editsOf(said: unknown, leftOut: Set<string>): Pick<HookAnswer, 'edits'> | Failed {
  const fields: Edit[] = []
  const contents: string[] = []
  let onTop = 0
  for (const one of Array.isArray(said) ? (said as readonly unknown[]) : []) {
    const wanted = isObject(one) ? one : {}
    const { type, value } = wanted
    if (type === 'replaceContents' && typeof value === 'string') {
      contents.push(value)
      continue
    }
    const edit = fieldEdit(wanted, onTop)
    if (edit === undefined) leftOut.add(typeof type === 'string' ? words(type) : 'no type')
    else fields.push(edit)
    if (type === 'addHeader' && edit !== undefined) onTop++
  }
  if (contents.length === 0) return { edits: fields }
  const body = contents.join('')
  // A server behind would refuse it: what the hook took away must not arrive in its place.
  if (body.includes('\0')) return { failed: 'its contents have a NUL' }
  return { edits: [{ do: 'replaceBody', body: inMemory(Buffer.from(body)) }, ...fields] }
}

/** Undefined: it can't be done, or it is not said what. */
function fieldEdit(wanted: Json, onTop: number): Edit | undefined {
  const { type, value, index } = wanted
  const name = typeof wanted['name'] === 'string' ? octetsOf(wanted['name']) : ''
  const counted = typeof index === 'number' ? index : undefined
  const nth = counted ?? 1
  if (type === 'deleteHeader') return { do: 'remove', name, nth }
  if (typeof value !== 'string') return undefined
  switch (type) {
    case 'addHeader':
      return { do: 'insert', at: onTop, name, value: valueOf(value) }
    case 'insertHeader':
      return { do: 'insert', at: counted ?? 0, name, value: valueOf(value) }
    case 'changeHeader':
      return value === ''
        ? { do: 'remove', name, nth }
        : { do: 'change', name, nth, value: valueOf(value) }
    default:
      return undefined
  }
}

/** With the blank in front or without; the end of its line is not part of it. */
const valueOf = (text: string): string => fieldValue(text.replace(/^[ \t]/, ''))

const inMemory = (octets: Buffer): TextSource => ({
  whole: () => [octets],
  async *chunks() {
    yield await Promise.resolve(octets)
  },
})
