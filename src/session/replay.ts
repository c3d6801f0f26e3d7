/**
 * Plays a session again from its journal: the machine is told the same events, and what it asks is
 * answered as it was then. The effects are the same, or the journal is not of this machine.
 */
import type { Effect, Event } from './effects.ts'
import type { Entry, Question } from './journal.ts'
import { decode, encode } from './journal-values.ts'
import type { Oracle } from './oracle.ts'
import { newSession, type Session, type SessionStart } from './session.ts'
import { step } from './step.ts'
import { takeReady } from './reply-slots.ts'

export interface Replayed {
  readonly session: Session
  readonly turns: readonly Turn[]
  /** False: the journal was full before the session was over. */
  readonly whole: boolean
}

export interface Turn {
  readonly event: Event
  readonly effects: readonly Effect[]
  /** What can be said to the client behind it. */
  readonly said: string
}

/** The machine asks something else than it did, or does not ask what it did. */
export class JournalMismatch extends Error {
  /** From 1. */
  readonly line: number

  constructor(line: number, what: string) {
    super(`line ${line}: ${what}`)
    this.line = line
  }
}

export function replay(lines: readonly string[]): Replayed {
  const reader = new Reader(lines)
  const first = reader.next()
  if (first === undefined || !('session' in first))
    throw new JournalMismatch(1, 'a journal begins with how its session began')
  const start = first.session as Omit<SessionStart, 'oracle' | 'journal'>
  const session = newSession({ ...start, oracle: oracleOf(reader) })
  const turns: Turn[] = []
  for (let entry = reader.next(); entry !== undefined; entry = reader.next()) {
    if ('full' in entry) return { session, turns, whole: false }
    if (!('event' in entry)) throw reader.mismatch('the machine does not ask this any more')
    const { event } = entry
    try {
      step(session, event)
    } catch (error) {
      if (error instanceof Cut) return { session, turns, whole: false }
      throw error
    }
    const { effects } = session
    session.effects = []
    turns.push({ event, effects, said: takeReady(session.slots) })
  }
  return { session, turns, whole: true }
}

/** The journal ends in the middle of a step. */
class Cut extends Error {}

class Reader {
  readonly #lines: readonly string[]
  #read = 0

  constructor(lines: readonly string[]) {
    this.#lines = lines
  }

  next(): Entry | undefined {
    const line = this.#lines[this.#read++]
    return line === undefined ? undefined : (decode(JSON.parse(line)) as Entry)
  }

  mismatch(what: string): JournalMismatch {
    return new JournalMismatch(this.#read, what)
  }

  answer(question: Question, of: readonly unknown[]): unknown {
    const entry = this.next()
    if (entry !== undefined && 'full' in entry) throw new Cut()
    if (entry === undefined || !('asked' in entry))
      throw this.mismatch(`the machine asks ${question}, which it did not then`)
    const [now, then] = [of, entry.of].map((one) => JSON.stringify(encode(one)))
    if (entry.asked !== question || now !== then)
      throw this.mismatch(
        `the machine asks ${question} of ${now}, and then it asked ${entry.asked} of ${then}`,
      )
    return entry.answer
  }
}

function oracleOf(reader: Reader): Oracle {
  const ask =
    <Asked extends Question>(question: Asked) =>
    (...of: Parameters<Oracle[Asked]>): ReturnType<Oracle[Asked]> =>
      reader.answer(question, of) as ReturnType<Oracle[Asked]>
  return {
    serve: ask('serve'),
    newId: ask('newId'),
    roomFor: ask('roomFor'),
    backendExtensions: ask('backendExtensions'),
    xclientFrom: ask('xclientFrom'),
    takes: ask('takes'),
    draining: ask('draining'),
    unread: ask('unread'),
    identify: ask('identify'),
  }
}
