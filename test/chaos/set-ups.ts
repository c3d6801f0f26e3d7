/** Ways of running Rcptwise that a run goes through, one a round. */
import { stringify } from 'yaml'
import type { BehindSettings } from './server-behind.ts'

export interface SetUp {
  readonly name: string
  readonly frontEnds: number
  readonly workers: number
  readonly ledger: 'SQLite' | 'Redis'
  /** `scanner`: a process that goes down and comes back. */
  readonly judge: 'headers' | 'backend' | 'scanner'
  readonly speaks: BehindSettings['speaks']
}

export const setUps: readonly SetUp[] = [
  {
    name: 'workers, SQLite',
    frontEnds: 1,
    workers: 2,
    ledger: 'SQLite',
    judge: 'headers',
    speaks: 'SMTP',
  },
  {
    name: 'two front-ends, Redis',
    frontEnds: 2,
    workers: 1,
    ledger: 'Redis',
    judge: 'headers',
    speaks: 'SMTP',
  },
  {
    name: 'last_word: backend',
    frontEnds: 1,
    workers: 2,
    ledger: 'SQLite',
    judge: 'backend',
    speaks: 'SMTP',
  },
  {
    name: 'one process, PRDR behind',
    frontEnds: 1,
    workers: 1,
    ledger: 'SQLite',
    judge: 'headers',
    speaks: 'SMTP with PRDR',
  },
  {
    name: 'two front-ends, Redis, last_word: backend',
    frontEnds: 2,
    workers: 2,
    ledger: 'Redis',
    judge: 'backend',
    speaks: 'SMTP',
  },
  {
    name: 'workers, LMTP behind',
    frontEnds: 1,
    workers: 2,
    ledger: 'SQLite',
    judge: 'scanner',
    speaks: 'LMTP',
  },
  {
    name: 'two front-ends, a scanner',
    frontEnds: 2,
    workers: 2,
    ledger: 'Redis',
    judge: 'scanner',
    speaks: 'SMTP',
  },
]

export interface Ports {
  readonly listen: number
  readonly admin: number
  readonly behind: number
  readonly redis: string | undefined
  readonly scanner: number | undefined
}

/** Who judges; the score of each message is in a field of its own. */
function judging({ judge }: SetUp, scanner: number | undefined): object {
  switch (judge) {
    case 'headers':
      return { judges: [{ headers: { from: ['127.0.0.0/8'] } }] }
    case 'backend':
      // Otherwise only a filter of ours may write the field that the server behind judges by.
      return { judges: [], last_word: 'backend', foreign_fields: 'keep' }
    case 'scanner':
      // While it is away mail waits, so that nobody gets what they refuse.
      return {
        judges: [{ rspamd: { url: `http://127.0.0.1:${scanner ?? 0}`, on_failure: 'defer' } }],
        foreign_fields: 'keep',
      }
  }
}

/** In force until another one is set. */
export const firstStrategy = 'late'

/**
 * The limits on time are longer than any stop that is dealt out, so that none of them explains
 * anything.
 */
export const configuration = (
  setUp: SetUp,
  { listen, admin, behind, redis, scanner }: Ports,
  name: string,
): string =>
  stringify({
    hostname: 'mx.test',
    listen: [{ address: `127.0.0.1:${listen}`, tls: 'off' }],
    admin: { listen: `127.0.0.1:${admin}` },
    backend: {
      servers: [`${setUp.speaks === 'LMTP' ? 'lmtp' : 'smtp'}://127.0.0.1:${behind}`],
      health: { eject_for: '200ms', eject_at_most: '1s' },
      pool: { max_connections: 20 },
    },
    relay_domains: ['example.org'],
    recipients: { default: 'careful', sources: [{ file: 'recipients.yaml' }] },
    ...judging(setUp, scanner),
    peers: [{ name: 'default', strategy: firstStrategy }],
    bounces: { dns_servers: ['127.0.0.1:9'], dns_timeout: '100ms' },
    limits: { errors_per_minute: 'off' },
    data_directory: name,
    ledger: redis ?? `sqlite:${name}/ledger.db`,
    workers: setUp.workers,
    timeouts: { shutdown: '1s' },
    log: { format: 'json' },
  })
