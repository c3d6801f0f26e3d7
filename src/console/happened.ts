/** The latest events in words, and whoever shows them. */
import type { AuditEntryJson, HappenedJson } from '../admin/schemas.ts'
import type { StreamEvent } from './event-reader.ts'

export interface Happened {
  readonly at: number
  readonly words: string
}

const most = 12

type Listener = (events: readonly Happened[]) => void

export class LatestEvents {
  #events: readonly Happened[] = []
  readonly #listeners = new Set<Listener>()

  watch(listener: Listener, signal: AbortSignal): void {
    this.#listeners.add(listener)
    signal.addEventListener('abort', () => this.#listeners.delete(listener))
    listener(this.#events)
  }

  add(event: StreamEvent): void {
    const happened = inWords(event)
    if (happened !== undefined) this.#show([happened])
  }

  /** What happened before the page was opened, or while it heard nothing. */
  addMissed({ events }: HappenedJson): void {
    this.#show(events.flatMap((event) => fieldsInWords(event.kind, event) ?? []))
  }

  /** What was changed by hand before the page was opened: of the audit log, and each once. */
  addPast(entries: readonly AuditEntryJson[]): void {
    const known = new Set(this.#events.map(keyOf))
    this.#show(entries.map(changeInWords).filter((past) => !known.has(keyOf(past))))
  }

  #show(more: readonly Happened[]): void {
    const known = new Set(this.#events.map(({ at, words }) => `${at} ${words}`))
    const fresh = more.filter(({ at, words }) => !known.has(`${at} ${words}`))
    this.#events = [...fresh, ...this.#events].sort((a, b) => b.at - a.at).slice(0, most)
    for (const listener of this.#listeners) listener(this.#events)
  }
}

/** One and the same change has one time, as an event and in the audit log. */
const keyOf = ({ at, words }: Happened): string => `${at} ${words.split(':')[0]}`

/** As `inWords` says the event of the same change. */
function changeInWords({ at, by, change, of, to, reason }: AuditEntryJson): Happened {
  const said = [of, to, `by ${by}`, reason].filter((each) => each !== undefined)
  return { at: Date.parse(at), words: `${verbs[change] ?? change}: ${said.join(', ')}` }
}

export const verbs: Readonly<Record<string, string>> = {
  strategyChanged: 'Strategy changed',
  senderChanged: 'Sender changed',
  drainChanged: 'Draining changed',
  splitForgiven: 'Message forgiven',
  recipientsMissing: 'Recipients missing',
  backendEjected: 'Server down',
  backendReturned: 'Server back',
  backendFull: 'Server full',
  judgeServerDown: 'Judge down',
  judgeServerBack: 'Judge back',
  ledgerTrouble: 'Ledger in trouble',
  ledgerRecovered: 'Ledger back',
  historyTrouble: 'History in trouble',
  historyRecovered: 'History back',
  workerLost: 'Worker lost',
  workerHung: 'Worker hung',
  configLoaded: 'Configuration loaded',
  configKept: 'Configuration refused, the one before is kept',
  certificateLoaded: 'Certificate loaded',
  certificateKept: 'Certificate not reloaded',
  certificateExpires: 'Certificate expires',
  policiesLoaded: 'Policies loaded',
  policiesKept: 'Policies not reloaded',
}

/** Which fields of an event say something to a reader, in this order. */
const told = [
  'peer',
  'sender',
  'server',
  'judge',
  'split',
  'strategy',
  'by',
  'reason',
  'why',
  'file',
]

/** Undefined: nothing for a reader. */
export function inWords({ name, data }: StreamEvent): Happened | undefined {
  if (verbs[name] === undefined) return undefined
  try {
    return fieldsInWords(name, JSON.parse(data) as Fields)
  } catch {
    return undefined
  }
}

type Fields = Readonly<Record<string, unknown>>

function fieldsInWords(name: string, fields: Fields): Happened | undefined {
  const verb = verbs[name]
  if (verb === undefined) return undefined
  const said = told.flatMap((key) => {
    const value = fields[key]
    if (typeof value !== 'string' && typeof value !== 'number') return []
    return [key === 'by' ? `by ${value}` : String(value)]
  })
  const at = typeof fields['at'] === 'number' ? fields['at'] : Date.now()
  return { at, words: said.length === 0 ? verb : `${verb}: ${said.join(', ')}` }
}
