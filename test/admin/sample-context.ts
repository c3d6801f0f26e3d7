import { LiveEvents } from '../../src/admin/events/live-events.ts'
import type {
  AdminContext,
  DrainView,
  HeldSplit,
  PeerView,
  SenderView,
} from '../../src/admin/context.ts'
import { historyJson } from '../../src/app/history-answer.ts'
import { historySample } from '../history/samples.ts'
import type { Split } from '../../src/split/split.ts'
import type { ConfigurableStrategy } from '../../src/strategy/names.ts'

export const split = (
  id: string,
  change: Pick<Partial<Split>, 'reversePath' | 'peer' | 'status' | 'closedAt'> = {},
): Split => ({
  id,
  version: 1,
  openedBy: 'S1.1',
  reversePath: 'sender@example.net',
  peer: 'partners',
  strategy: 'group',
  startedAt: Date.UTC(2026, 0, 1),
  lastAttemptAt: Date.UTC(2026, 0, 1, 0, 10),
  messageId: '<1@example.net>',
  forcedRetries: 2,
  idleAttempts: 0,
  status: 'open',
  forgiven: false,
  refusedOnly: false,
  recipients: [
    {
      address: 'a@example.org',
      state: 'answered',
      deferrals: 0,
      outcome: {
        transaction: 'S1.1',
        reason: { because: 'below limits' },
        reply: { code: 250, status: '2.0.0', text: 'Ok: queued as 4F1' },
        at: Date.UTC(2026, 0, 1),
      },
    },
    {
      address: 'b@example.org',
      state: 'waiting',
      deferredAt: Date.UTC(2026, 0, 1, 0, 10),
      deferrals: 2,
      outcome: { transaction: 'S1.2', reason: { because: 'other group' } },
    },
    {
      address: 'c@example.org',
      state: 'refused',
      reply: { code: 550, detail: '7.1', lines: ['c@example.org does not want this message'] },
      deferrals: 1,
      outcome: {
        transaction: 'S1.2',
        reason: {
          because: 'rule 2',
          overrules: { because: 'reject_at', score: 9, threshold: 8 },
        },
      },
    },
  ],
  ...change,
})

export const heldSplit: HeldSplit = {
  id: 'AAAABBBBCCCCDDDD',
  reversePath: 'sender@example.net',
  client: 'mail.example.net',
  messageId: '<1@example.net>',
  startedAt: Date.UTC(2026, 0, 1),
  lastAttemptAt: Date.UTC(2026, 0, 1, 0, 10),
  held: ['ann@example.org', 'bob@example.org'],
  waiting: ['cho@example.org'],
  comesBack: { fromMs: 60_000, toMs: 3_600_000 },
}

const withMissing = (split: Split): Split => ({
  ...split,
  attempt: { session: 'S1', transaction: 'S1.2', address: '192.0.2.1', rdns: 'mx.example.net' },
  recipients: split.recipients.map((each) =>
    each.state === 'answered' ? each : { ...each, missingAt: 0 },
  ),
})

const learned = (name: string): SenderView => ({
  name,
  strategy: 'lenient',
  why: 'did not come back for 1 of 3 attempts with a deferral',
  lessons: { messages: 9, deferred: 3, returned: 2, within5m: 2, missing: 1 },
  forcedRetries: 4,
  retryDelays: [61, 240],
  seen: Date.UTC(2025, 11, 31),
  at: Date.UTC(2026, 0, 1),
})

export interface SampleContext extends AdminContext {
  /** What was asked for, in words. */
  readonly asked: string[]
  isReady: boolean
  /** Open splits in which somebody has the message. */
  held: HeldSplit[]
  /** Of the next answers about draining. */
  drainMore: Partial<DrainView>
}

/** A running product with two peer classes and three splits, in memory. */
export function sampleContext(): SampleContext {
  const overrides = new Map<string, NonNullable<PeerView['override']>>()
  const configured: readonly (readonly [string, ConfigurableStrategy])[] = [
    ['partners', 'single'],
    ['default', 'group'],
  ]
  const splits = new Map(
    [
      split('AAAABBBBCCCCDDDD'),
      split('EEEEFFFFGGGGHHHH', { reversePath: '', peer: 'default' }),
      split('IIIIJJJJKKKKLLLL', { status: 'completed', closedAt: Date.UTC(2026, 0, 2) }),
    ].map((each) => [each.id, each]),
  )
  const senders = new Map<string, SenderView>([['example.net', learned('example.net')]])
  const asked: string[] = []
  let draining: Pick<DrainView, 'since' | 'by'> | undefined
  const view = (name: string): PeerView | undefined => {
    const strategy = configured.find(([known]) => known === name)?.[1]
    if (strategy === undefined) return undefined
    const override = overrides.get(name)
    return {
      name,
      configured: strategy,
      inForce: override?.strategy ?? strategy,
      ...(override !== undefined && { override }),
      meanings: {
        single: 'one group goes through',
        group: 'some are told to come again',
        lenient: 'nobody is told to come again',
      },
      deferCode: 451,
      retryHintSeconds: 60,
      match: name === 'default' ? 'everyone else' : 'address 192.0.2.0/24',
    }
  }
  return {
    events: new LiveEvents({
      mostOctets: 64 * 1024,
      watch: () => () => undefined,
      isSeldom: () => true,
      watchOften: () => () => undefined,
      about: () => ({ instance: 'mx.test' }),
    }),
    asked,
    happened: () => [
      JSON.stringify({ kind: 'backendEjected', at: Date.UTC(2026, 0, 1), server: 'mx.test:25' }),
    ],
    about: () => ({ instance: 'mx.test', version: '1.2.3', startedAt: Date.UTC(2026, 0, 1) }),
    configuration: () => ({
      since: Date.UTC(2026, 0, 1),
      file: '/etc/rcptwise/config.yaml',
      needRestart: ['workers'],
      refused: { at: Date.UTC(2026, 0, 2), why: ['config.yaml:1:1: mode: got "x"'] },
      values: [{ key: 'mode', value: 'enforce', from: 'default' }],
    }),
    recent: async () =>
      await Promise.resolve({
        minutes: [
          {
            at: Date.UTC(2026, 0, 1),
            messages: 2,
            outcomes: { delivered: 3 },
            forcedRetries: 1,
            delays: [{ peer: 'default', strategy: 'late', counts: [0, 2, 1] }],
          },
        ],
        delayBounds: [1, 60],
        ...{ open: 2, missing: 1, sessions: 4, ledgerDurable: true },
        servers: [{ name: '127.0.0.1:25', up: true, connections: 2 }],
        judges: [{ name: 'rspamd', serversDown: 0, asked: 3, failed: 0 }],
      }),
    isReady: true,
    ready() {
      return this.isReady
        ? { ready: true, reasons: [], draining: false }
        : { ready: false, reasons: ['no listener is open'], draining: false }
    },
    history: async (question) => {
      asked.push(`history ${JSON.stringify(question)}`)
      if (question.split === 'DAMAGED') throw new Error('database disk image is malformed')
      const none = question.split === 'NOHISTORY'
      return await Promise.resolve(none ? undefined : historyJson(historySample, []))
    },
    metrics: async () =>
      await Promise.resolve({
        contentType: 'text/plain; version=0.0.4',
        octets: Buffer.from('up 1\n'),
      }),
    audit: (limit) =>
      [
        {
          at: 1,
          by: 'ann',
          change: 'strategyChanged',
          of: 'default',
          from: 'auto',
          to: 'off',
          until: 2,
          reason: 'they asked for it',
        },
        { at: 0, by: '127.0.0.1', change: 'splitForgiven', of: 'AAAABBBBCCCCDDDD' },
      ].slice(0, limit),
    peers: () => configured.flatMap(([name]) => view(name) ?? []),
    setStrategy: async (name, strategy, untilMs, { by }) => {
      asked.push(`set ${name} ${strategy} by ${by}`)
      if (view(name) !== undefined) {
        overrides.set(name, {
          strategy,
          by,
          setAt: Date.now(),
          ...(untilMs !== undefined && { until: untilMs }),
        })
      }
      return await Promise.resolve(view(name))
    },
    resetStrategy: async (name, { by }) => {
      asked.push(`reset ${name} by ${by}`)
      overrides.delete(name)
      return await Promise.resolve(view(name))
    },
    held: [],
    drainMore: {},
    async drained(limit) {
      return await Promise.resolve({
        ...(draining === undefined ? {} : draining),
        open: 2,
        held: this.held.length,
        all: true,
        durable: true,
        shared: false,
        splits: this.held.slice(0, limit),
        ...this.drainMore,
      })
    },
    async drain(limit, { by }) {
      asked.push(`drain by ${by}`)
      draining ??= { since: Date.UTC(2026, 0, 1), by }
      return await this.drained(limit)
    },
    async undrain(limit, { by }) {
      asked.push(`undrain by ${by}`)
      draining = undefined
      return await this.drained(limit)
    },
    ifForgiven: ({ recipients }) =>
      recipients.map(({ address }) => ({ address, what: 'gets it tagged' })),
    splits: async (limit) =>
      await Promise.resolve(
        [...splits.values()].filter(({ status }) => status === 'open').slice(0, limit),
      ),
    missing: async (limit) =>
      await Promise.resolve(
        [...splits.values()]
          .filter(({ peer }) => peer === 'default')
          .slice(0, limit)
          .map(withMissing),
      ),
    senders: () => [...senders.values()],
    pinSender: async (name, strategy, until, { by }) => {
      asked.push(`pin ${name} ${strategy ?? 'auto'} by ${by}`)
      const found = senders.get(name)
      if (strategy === undefined) return await Promise.resolve(found)
      const pinned = {
        ...(found ?? learned(name)),
        strategy,
        why: 'pinned',
        pin: { strategy, by, at: 0, ...(until !== undefined && { until }) },
      }
      senders.set(name, pinned)
      return await Promise.resolve(pinned)
    },
    forgetSender: async (name, { by }) => {
      asked.push(`forget ${name} by ${by}`)
      return await Promise.resolve(senders.delete(name))
    },
    split: async (id) => await Promise.resolve(splits.get(id)),
    forgive: async (id, { by }) => {
      asked.push(`forgive ${id} by ${by}`)
      const found = splits.get(id)
      if (found === undefined) return undefined
      const forgiven = { ...found, forgiven: true }
      splits.set(id, forgiven)
      return await Promise.resolve(forgiven)
    },
  }
}
