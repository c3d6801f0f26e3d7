/**
 * The machine as a table: what each event does in each state. What is not named does nothing: not a
 * word to the client, nothing for the shell to do, and nothing of the session changes.
 */
import { describe, expect, test } from 'vitest'
import type { Event } from '../../src/session/effects.ts'
import type { Step, Upstream } from '../../src/session/answering.ts'
import type { State } from '../../src/session/session.ts'
import { noFindings } from '../../src/verdict/judgement.ts'
import { Machine, type MachineOptions, policies, yes } from '../support/machine.ts'

const [a, b] = ['a@example.org', 'b@example.org'] as const
const recipients = { [a]: policies.tagOnly, [b]: policies.strict }
const spam = { judgement: { kind: 'judged', score: 9, symbols: [] } } as const
const never = (): undefined => undefined
const refusal = { code: 550, lines: ['5.7.1 No'] } as const

type Kind = Event['kind']

const events = {
  connected: { kind: 'connected', earlyTalker: false },
  line: { kind: 'line', text: 'NOOP' },
  lineTooLong: { kind: 'lineTooLong' },
  strayByte: { kind: 'strayByte' },
  batchEnded: { kind: 'batchEnded' },
  mailReplied: { kind: 'mailReplied', reply: refusal },
  recipientReplied: { kind: 'recipientReplied', index: 0, reply: refusal },
  recipientKnown: {
    kind: 'recipientKnown',
    index: 0,
    policy: { kind: 'found', policy: policies.careful },
    splits: [],
  },
  crowded: { kind: 'crowded', limit: 'open_splits' },
  chunkTaken: { kind: 'chunkTaken', bytes: 100 },
  messageIdRead: { kind: 'messageIdRead', messageId: '<m@client.test>' },
  judgedEarly: { kind: 'judgedEarly', findings: noFindings },
  textEnded: {
    kind: 'textEnded',
    text: { sizeBytes: 9, endedAt: 1_000_000, findings: noFindings },
  },
  answerTimedOut: { kind: 'answerTimedOut', sizeBytes: 9, endedAt: 1_000_000 },
  refusedTextEnded: { kind: 'refusedTextEnded' },
  parcelDelivered: {
    kind: 'parcelDelivered',
    parcel: 0,
    result: { reply: yes, own: new Map(), ms: 1 },
  },
  delivered: { kind: 'delivered', results: [{ reply: refusal, own: new Map(), ms: 1 }] },
  deliveriesSettled: { kind: 'deliveriesSettled', settled: false },
  bouncePrepared: {
    kind: 'bouncePrepared',
    prepared: { ready: false, why: 'unvouched', words: '' },
  },
  vouched: { kind: 'vouched', vouched: true },
  reported: { kind: 'reported', reply: refusal },
  secured: { kind: 'secured', protocol: 'TLSv1.3', cipher: 'x' },
  securingFailed: { kind: 'securingFailed' },
  authReplied: { kind: 'authReplied', reply: refusal },
  timedOut: { kind: 'timedOut' },
  shutdown: { kind: 'shutdown' },
  clientLost: { kind: 'clientLost' },
  brokenOff: { kind: 'brokenOff' },
  inputEnded: { kind: 'inputEnded', identity: { fingerprint: 'ab' } },
  heard: { kind: 'heard' },
} as const satisfies Readonly<Record<Kind, Parameters<Machine['tell']>[0]>>

const envelope = (machine: Machine, ...to: readonly string[]): unknown =>
  machine.send('MAIL FROM:<s@example.net>', ...to.map((one) => `RCPT TO:<${one}>`))

/** Where it stands; of a text with what the backend has of it, of an answer with its step. */
function placeOf(state: State): string {
  switch (state.at) {
    case 'text':
      return `text ${state.upstream.way}`
    case 'chunks':
      return `chunks ${state.upstream.way}${state.taking ? ' taking' : ''}`
    case 'answering':
      return state.step.at
    case 'authenticating':
      return state.slot === undefined ? 'authenticating' : 'authenticating asked'
    default:
      return state.at
  }
}

interface Way {
  readonly options?: MachineOptions
  readonly go: (machine: Machine) => unknown
  /** What does something there: where it leads, and what the client is told. */
  readonly heeds: Partial<Record<Kind, string>>
}

const backendHangs = { world: { deliver: never } }
const auth = {
  session: { auth: 'pass_in_clear' },
  oracle: { backendExtensions: () => new Map([['AUTH', 'PLAIN LOGIN']]) },
} as const
const greeted = (machine: Machine): unknown => machine.connect()
const ready = (machine: Machine): unknown => {
  machine.connect()
  return machine.send('EHLO client.test')
}
const text = (machine: Machine): unknown => {
  ready(machine)
  envelope(machine, a)
  return machine.send('DATA')
}
const chunks = (machine: Machine): unknown => {
  ready(machine)
  envelope(machine, a)
  return machine.send('BDAT 100')
}
const whole = (machine: Machine): unknown => {
  ready(machine)
  return machine.message([a, b], spam)
}

/** What ends a session wherever it stands. */
const ends = { timedOut: 'closed 421', clientLost: 'closed', brokenOff: 'closed' } as const

/** Where command lines are read; `behind others`: whose replies are awaited first. */
const reads = (place: string, reply: 'said' | 'behind others') =>
  ({
    line: reply === 'said' ? `${place} 250` : place,
    lineTooLong: reply === 'said' ? `${place} 500` : place,
    strayByte: 'closed 521',
  }) as const

const ways: Readonly<Record<string, Way>> = {
  connected: {
    go: () => undefined,
    heeds: { connected: 'greeted 220', ...ends, shutdown: 'closed 421' },
  },
  greeted: { go: greeted, heeds: { ...reads('greeted', 'said'), ...ends, shutdown: 'closed 421' } },
  ready: { go: ready, heeds: { ...reads('ready', 'said'), ...ends, shutdown: 'closed 421' } },
  envelope: {
    options: {
      world: { mail: never, rcpt: never, policy: never },
      session: { showMail: 'at_once' },
    },
    go: (machine) => {
      ready(machine)
      envelope(machine, a)
    },
    heeds: {
      ...reads('envelope', 'behind others'),
      mailReplied: 'ready 550 503',
      recipientReplied: 'envelope',
      recipientKnown: 'envelope',
      crowded: 'envelope',
      ...ends,
    },
  },
  'text kept': {
    options: backendHangs,
    go: text,
    heeds: {
      crowded: 'text kept',
      messageIdRead: 'text kept',
      judgedEarly: 'text streaming',
      textEnded: 'delivering',
      answerTimedOut: 'ready 451',
      ...ends,
    },
  },
  'text streaming': {
    options: backendHangs,
    go: (machine) => {
      text(machine)
      machine.tell(events.judgedEarly)
    },
    heeds: {
      crowded: 'text streaming',
      messageIdRead: 'text streaming',
      textEnded: 'delivering',
      delivered: 'text answered',
      answerTimedOut: 'ready 451',
      ...ends,
    },
  },
  'text answered': {
    options: backendHangs,
    go: (machine) => {
      text(machine)
      machine.tell(events.judgedEarly)
      machine.tell(events.delivered)
    },
    heeds: {
      crowded: 'text answered',
      messageIdRead: 'text answered',
      textEnded: 'ready 550',
      answerTimedOut: 'ready 550',
      ...ends,
    },
  },
  'chunks kept taking': {
    options: backendHangs,
    go: chunks,
    heeds: {
      crowded: 'chunks kept taking',
      chunkTaken: 'chunks kept 250',
      messageIdRead: 'chunks kept taking',
      judgedEarly: 'chunks streaming taking',
      textEnded: 'delivering',
      answerTimedOut: 'ready 451',
      ...ends,
    },
  },
  'chunks kept': {
    options: backendHangs,
    go: (machine) => {
      chunks(machine)
      machine.tell(events.chunkTaken)
    },
    heeds: {
      ...reads('chunks kept', 'said'),
      crowded: 'chunks kept',
      messageIdRead: 'chunks kept',
      ...ends,
    },
  },
  refusedText: {
    go: (machine) => {
      ready(machine)
      machine.send('DATA')
      machine.send('User-Agent: a text that nobody wants')
    },
    heeds: { refusedTextEnded: 'ready 554', ...ends },
  },
  awaitingOthers: {
    options: { recipients, peer: { strategy: 'late' }, world: { othersAreDone: never } },
    go: overlap,
    heeds: {
      crowded: 'awaitingOthers',
      deliveriesSettled: 'ready 451',
      answerTimedOut: 'ready 451',
      ...ends,
    },
  },
  vouching: {
    options: {
      recipients,
      peer: { strategy: 'late', chosen: { sender: 'x.test', why: 'new' } },
      world: { vouch: never },
    },
    go: whole,
    heeds: { crowded: 'vouching', vouched: 'ready 451', answerTimedOut: 'ready 451', ...ends },
  },
  preparingReport: {
    options: { recipients, peer: { strategy: 'bounce' }, world: { bounce: never } },
    go: whole,
    heeds: {
      crowded: 'preparingReport',
      bouncePrepared: 'ready 250',
      answerTimedOut: 'ready 451',
      ...ends,
    },
  },
  delivering: {
    options: backendHangs,
    go: whole,
    heeds: {
      crowded: 'delivering',
      delivered: 'ready 550',
      inputEnded: 'delivering',
      ...ends,
    },
  },
  reporting: {
    options: { recipients, peer: { strategy: 'bounce' }, world: { report: never } },
    go: whole,
    heeds: { crowded: 'reporting', reported: 'ready 451', inputEnded: 'reporting', ...ends },
  },
  authenticating: {
    options: auth,
    go: (machine) => {
      ready(machine)
      machine.send('AUTH LOGIN')
      machine.tell({ kind: 'authReplied', reply: { code: 334, lines: ['VXNlcm5hbWU6'] } })
    },
    heeds: {
      line: 'authenticating asked',
      lineTooLong: 'closed 500',
      strayByte: 'closed 521',
      ...ends,
    },
  },
  'authenticating asked': {
    options: auth,
    go: (machine) => {
      ready(machine)
      machine.send('AUTH LOGIN')
    },
    heeds: { authReplied: 'ready 550', ...ends },
  },
  securing: {
    go: (machine) => {
      ready(machine)
      machine.send('STARTTLS')
    },
    heeds: { secured: 'greeted', securingFailed: 'closed', ...ends },
  },
  closed: {
    go: (machine) => {
      ready(machine)
      machine.send('QUIT')
    },
    heeds: {},
  },
}

/** Another attempt of the same message is being delivered. */
function overlap(machine: Machine): void {
  const options = { recipients, peer: { strategy: 'late' }, ledger: machine.ledger } as const
  whole(new Machine({ ...options, ...backendHangs }))
  whole(machine)
}

describe.each(Object.entries(ways))('%s', (place, { options, go, heeds }) => {
  test.each(Object.values(events))('$kind', (event) => {
    const machine = new Machine(options)
    go(machine)
    expect(placeOf(machine.session.state)).toBe(place)
    expect(outcomeOf(machine, event)).toBe(heeds[event.kind] ?? 'nothing')
  })
})

const json = (value: unknown): string =>
  JSON.stringify(value, (_, part: unknown) => (part instanceof Map ? [...part] : part))

function outcomeOf(machine: Machine, event: (typeof events)[Kind]): string {
  const before = json(machine.session)
  const { length } = machine.effects
  const said = machine.tell(event)
  const done = machine.effects.length - length
  const after = json(machine.session)
  if (said.length === 0 && done === 0 && after === before) return 'nothing'
  return [placeOf(machine.session.state), ...said.map((line) => line.slice(0, 3))].join(' ')
}

/** Every state, every way of a text, every step. */
const places = {
  connected: true,
  greeted: true,
  ready: true,
  envelope: true,
  'text kept': true,
  'text streaming': true,
  'text answered': true,
  'chunks kept': true,
  refusedText: true,
  awaitingOthers: true,
  vouching: true,
  preparingReport: true,
  delivering: true,
  reporting: true,
  authenticating: true,
  securing: true,
  closed: true,
} as const satisfies Record<
  | Exclude<State['at'], 'answering' | 'text' | 'chunks'>
  | Step['at']
  | `text ${Upstream['way']}`
  | 'chunks kept',
  true
>

test.each(Object.keys(places))('the table has a row for %s', (place) =>
  expect(Object.keys(ways)).toContain(place),
)
