/** Ways of running Rcptwise that a run goes through, one a round. */
import { stringify } from 'yaml'
import type { BehindSettings } from './server-behind.ts'

export interface SetUp {
  readonly name: string
  readonly frontEnds: number
  readonly workers: number
  readonly ledger: 'SQLite' | 'Redis'
  readonly judge: 'headers' | 'backend'
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
    judge: 'headers',
    speaks: 'LMTP',
  },
]

export interface Ports {
  readonly listen: number
  readonly admin: number
  readonly behind: number
  readonly redis: string | undefined
}

/** In force until another one is set. */
export const firstStrategy = 'late'

/**
 * The limits on time are longer than any stop that is dealt out, so that none of them explains
 * anything.
 */
export const configuration = (
  setUp: SetUp,
  { listen, admin, behind, redis }: Ports,
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
    ...(setUp.judge === 'headers'
      ? { judges: [{ headers: { from: ['127.0.0.0/8'] } }] }
      : // The server behind judges by a field that only a filter of ours may write otherwise.
        { judges: [], last_word: 'backend', foreign_fields: 'keep' }),
    peers: [{ name: 'default', strategy: firstStrategy }],
    bounces: { dns_servers: ['127.0.0.1:9'], dns_timeout: '100ms' },
    limits: { errors_per_minute: 'off' },
    data_directory: name,
    ledger: redis ?? `sqlite:${name}/ledger.db`,
    workers: setUp.workers,
    timeouts: { shutdown: '1s' },
    log: { format: 'json' },
  })
