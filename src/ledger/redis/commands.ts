/**
 * The ledger's operations on a Redis server, each one script and one round trip. Rejects with what
 * the connection rejects with.
 */
import { hash } from 'node:crypto'
import { isConfigurableStrategy, isStrategyName, type StrategyName } from '../../strategy/names.ts'
import type { Opener, OpenSplits, StrategyOverride } from '../ledger.ts'
import type { Opened } from '../open-limits.ts'
import { mostSenders, type StoredSender } from '../sender-memory.ts'
import type { SenderChange } from '../senders.ts'
import type { RedisConnection } from '../../redis/connection.ts'
import { RecallBatch } from './recall.ts'
import { senderKey } from './sender-key.ts'
import * as scripts from './scripts.ts'
import type { SenderWatch } from './watch.ts'
import type { Split } from '../../split/split.ts'
import { fromBody, rowState, toRow } from '../stored-split.ts'
import { recordOf } from '../stored-sender.ts'
import { known } from '../../known.ts'

export interface RedisStoreOptions {
  readonly connection: RedisConnection
  readonly watch: Pick<SenderWatch, 'id' | 'add' | 'heard'>
  /** What all keys begin with: keys.ts. */
  readonly base: string
  /** ms that an open split is kept after its last attempt, and a closed one after its end. */
  readonly patienceMs: number
  readonly keepMs: number
  /**
   * Splits, open or closed, and bytes they take; the closed ones go first, then the oldest open
   * ones.
   */
  readonly maxSplits: number
  readonly maxBytes: number
}

/** An open split that the store gave up: with its text, if the server still had it. */
export interface Dropped {
  readonly id: string
  readonly peer: string
  readonly strategy: StrategyName
  readonly startedAt: number
  readonly split?: Split
}

export interface OverrideChange {
  readonly peer: string
  /** Absent: reset. */
  readonly override?: StrategyOverride | undefined
  /** ms since the epoch. */
  readonly at: number
  /**
   * It was made while the server was away: a change that was made on the server after `at` stays.
   */
  readonly late: boolean
}

/**
 * The server ends what no node has looked after for this long, ms; a node that is up looks once a
 * minute.
 */
const slackMs = 24 * 3_600_000

export const indexesKeptMs = (kept: {
  readonly patienceMs: number
  readonly keepMs: number
}): number => Math.max(kept.patienceMs, kept.keepMs) + 2 * slackMs

/**
 * Newer splits of one sender and recipient that a recall gives at most: what anybody who forges a
 * sender can make it cost.
 */
const recallLimit = 1000
const recallBytes = 1024 * 1024

/** What a sender has open is told at once if it is no more than this. */
const fewSplits = 32
const fewBytes = 128 * 1024

/** Bodies in one reply, about; at least one. */
const replyBytes = 4 * 1024 * 1024
const splitsPerReply = 500
const forgottenPerCall = 100
const sendersPerReply = 500

/** The server forgets what was learned of senders when no node has added to it for so long, ms. */
const sendersKeptMs = 365 * 24 * 3_600_000

export class RedisStore {
  readonly #options: RedisStoreOptions
  readonly #batch = new RecallBatch(
    async (reversePath, recipients) => await this.#recallMany(reversePath, recipients),
  )

  constructor(options: RedisStoreOptions) {
    this.#options = options
  }

  /** All open splits of a sender, oldest first, or 'many'. */
  async openOf(reversePath: string): Promise<readonly Split[] | 'many'> {
    const limits = [fewSplits, fewBytes].map(String)
    const bodies = await this.#run(scripts.openOfScript, [senderKey(reversePath), ...limits])
    return Array.isArray(bodies)
      ? listOf(bodies)
          .flatMap((body) => fromBody(body) ?? [])
          .filter((split) => split.reversePath === reversePath)
      : 'many'
  }

  /** Open splits of a recipient, oldest first. */
  async recall(reversePath: string, recipient: string): Promise<readonly Split[]> {
    return await this.#batch.recall(reversePath, recipient)
  }

  async #recallMany(
    reversePath: string,
    recipients: readonly string[],
  ): Promise<readonly (readonly Split[])[]> {
    const all: (readonly Split[])[] = []
    while (all.length < recipients.length) {
      const limits = [recallLimit, recallBytes, replyBytes].map(String)
      const asked = recipients.slice(all.length)
      const [bodies, found] = listOf(
        await this.#run(scripts.recallScript, [...limits, reversePath, ...asked]),
      )
      const splits = listOf(bodies).map(fromBody)
      const lines = listOf(found)
      if (lines.length === 0) throw new Error('the server gave no answer for a recipient')
      for (const [index, line] of lines.entries()) {
        const mine = String(line)
          .split(' ')
          .flatMap((number) => splits[Number(number) - 1] ?? [])
        all.push(oldestFirst(mine.filter((split) => concerns(split, reversePath, asked[index]))))
      }
    }
    return all
  }

  /** Writes the split in place of version `prior`, 0 for none. */
  async save(
    split: Split,
    prior: number,
  ): Promise<{
    readonly saved: boolean
    readonly dropped: readonly Dropped[]
    readonly bytes: number
  }> {
    const { patienceMs, keepMs, maxSplits, maxBytes, watch } = this.#options
    const row = toRow(split)
    const open = row.state === rowState.open
    const keys = openerKeys({ reversePath: row.reversePath, client: row.client })
    if (open) watch.add(keys[0])
    const reply = await this.#run(scripts.saveScript, [
      row.id,
      ...[
        row.version,
        prior,
        open ? 1 : 0,
        row.startedAt,
        row.lastAttemptAt,
        row.closedAt ?? row.startedAt,
      ].map(String),
      `${row.strategy} ${row.peer}`,
      String(row.bytes),
      row.body,
      row.reversePath,
      row.recipients.join('\n'),
      ...[
        (open ? patienceMs : keepMs) + slackMs,
        slackMs,
        indexesKeptMs({ patienceMs, keepMs }),
      ].map(String),
      ...[maxSplits, maxBytes].map(String),
      ...keys,
      watch.id,
    ])
    const [saved, opening, ...rest] = listOf(reply)
    const dropped: Dropped[] = []
    for (let at = 0; at < rest.length; at += 3)
      dropped.push(...droppedOf(rest[at], rest[at + 1], rest[at + 2]))
    if (saved === 1 && open) await watch.heard(Number(opening))
    return { saved: saved === 1, dropped, bytes: row.bytes }
  }

  async opened(opener: Opener): Promise<Opened> {
    const counted = listOf(await this.#run(scripts.openedScript, openerKeys(opener))).map(Number)
    const [senderSplits = 0, senderBytes = 0, clientSplits = 0, clientBytes = 0] = counted
    const [splits = 0, bytes = 0] = counted.slice(4)
    return {
      sender: { splits: senderSplits, bytes: senderBytes },
      client: { splits: clientSplits, bytes: clientBytes },
      all: { splits, bytes },
    }
  }

  async find(id: string): Promise<Split | undefined> {
    return fromBody(
      await this.#options.connection.command(['HGET', `${this.#options.base}s:${id}`, 'body']),
    )
  }

  /** Open splits, oldest first. One that begins or ends while it reads on may be missed. */
  async open(limit: number): Promise<readonly Split[]> {
    const splits: Split[] = []
    for (let place = 0; splits.length < limit;) {
      const range = [place, place + splitsPerReply - 1, replyBytes].map(String)
      const [next, bodies] = listOf(await this.#run(scripts.openScript, range))
      splits.push(...listOf(bodies).flatMap((body) => fromBody(body) ?? []))
      if (next === place || typeof next !== 'number') break
      place = next
    }
    return splits.slice(0, limit)
  }

  async countOpen(): Promise<OpenSplits[]> {
    const reply = await this.#options.connection.command(['HGETALL', `${this.#options.base}counts`])
    return pairsOf(reply).flatMap(([label, count]) => {
      const [strategy, peer] = halves(label)
      return isStrategyName(strategy) && Number(count) > 0
        ? [{ peer, strategy, count: Number(count) }]
        : []
    })
  }

  /**
   * Open splits last attempted before `before`, and those that are open no more because the server
   * has lost them.
   */
  async stale(
    before: number,
    limit: number,
    since?: number,
  ): Promise<{
    readonly splits: readonly Split[]
    readonly lost: readonly Dropped[]
    /** There may be more splits behind these. */
    readonly isCut: boolean
  }> {
    const [bodies, gone, cut] = listOf(
      await this.#run(
        scripts.staleScript,
        [before, Math.max(0, limit), replyBytes, since ?? '-inf'].map(String),
      ),
    )
    const splits = listOf(bodies).flatMap((body) => fromBody(body) ?? [])
    const lost = pairsOf(gone).flatMap(([id, known]) => droppedOf(known, id, ''))
    return { splits, lost, isCut: cut === 1 }
  }

  async forget(before: number, limit: number): Promise<number> {
    let forgotten = 0
    while (forgotten < limit) {
      const asked = Math.min(limit - forgotten, forgottenPerCall)
      const removed = Number(await this.#run(scripts.forgetScript, [before, asked].map(String)))
      forgotten += removed
      if (removed < asked) break
    }
    return forgotten
  }

  /** Changes with every change of an override; empty before the first. */
  async overridesVersion(): Promise<string> {
    const reply = await this.#options.connection.command([
      'GET',
      `${this.#options.base}overrides:version`,
    ])
    return typeof reply === 'string' ? reply : ''
  }

  /** Also those that have ended; a strategy this release does not know is left out. */
  async overrides(): Promise<{
    readonly version: string
    readonly all: readonly StrategyOverride[]
  }> {
    const [version, entries] = listOf(await this.#run(scripts.overridesScript, []))
    const all = pairsOf(entries).flatMap(([, entry]) => overrideOf(entry) ?? [])
    return { version: String(version), all: all.sort((a, b) => (a.peer < b.peer ? -1 : 1)) }
  }

  /** Sets or resets; gives what was stored before. */
  async changeOverride({
    peer,
    override,
    at,
    late,
  }: OverrideChange): Promise<StrategyOverride | undefined> {
    const json = override === undefined ? '' : JSON.stringify(override)
    const parts = [peer, String(Math.trunc(at)), json, late ? '1' : '0']
    return overrideOf(String(await this.#run(scripts.overrideScript, parts)))
  }

  async changeSenders(changes: readonly SenderChange[]): Promise<readonly StoredSender[]> {
    const parts = [
      mostSenders,
      sendersKeptMs,
      ...changes.map((change) => JSON.stringify(change)),
    ].map(String)
    return sendersOf(await this.#run(scripts.changeSendersScript, parts))
  }

  /** See SenderShelf. */
  async sendersSince(place: number) {
    const [next, anew, rows] = listOf(
      await this.#run(scripts.sendersScript, [place, sendersPerReply].map(String)),
    )
    return { place: Number(next), anew: anew === 1, rows: sendersOf(rows) }
  }

  async #run(
    script: (typeof scripts)[keyof typeof scripts],
    parts: readonly string[],
  ): Promise<unknown> {
    return await this.#options.connection.script(script, this.#options.base, parts)
  }
}

const listOf = (reply: unknown): readonly unknown[] =>
  Array.isArray(reply) ? (reply as readonly unknown[]) : []

function pairsOf(reply: unknown): (readonly [string, string])[] {
  const list = listOf(reply).map(String)
  return list.flatMap((key, at) => (at % 2 === 0 ? [[key, list[at + 1] ?? ''] as const] : []))
}

const sendersOf = (rows: unknown): readonly StoredSender[] =>
  pairsOf(rows).map(([name, json]) => {
    const record = recordOf(json)
    return record === undefined ? { name } : { name, record }
  })

function halves(text: string): readonly [string, string] {
  const space = text.indexOf(' ')
  return [text.slice(0, space), text.slice(space + 1)]
}

const oldestFirst = (splits: readonly Split[]): readonly Split[] =>
  splits.toSorted((a, b) => a.startedAt - b.startedAt)

const concerns = (split: Split, reversePath: string, recipient: string | undefined): boolean =>
  split.reversePath === reversePath && split.recipients.some(({ address }) => address === recipient)

/** SENDER and CLIENT: without blanks, and no longer than is needed. */
function openerKeys({ reversePath, client }: Opener): [string, string] {
  return [senderKey(reversePath), `c${hash('sha1', client, 'base64url')}`]
}

/** `BYTES OPEN START SENDER CLIENT STRATEGY PEER` of the key `known`. */
function droppedOf(entry: unknown, id: unknown, body: unknown): Dropped[] {
  const [, startedAt = '', strategy = '', peer = ''] =
    /^\d+ 1 (\d+) \S+ \S+ (\S+) (.*)$/.exec(String(entry)) ?? []
  if (!isStrategyName(strategy)) return []
  const split = body === '' ? undefined : fromBody(body)
  return [
    {
      id: String(id),
      peer,
      strategy,
      startedAt: Number(startedAt),
      ...known({ split }),
    },
  ]
}

function overrideOf(entry: string): StrategyOverride | undefined {
  try {
    const read: unknown = JSON.parse(halves(entry)[1])
    const isOverride =
      typeof read === 'object' &&
      read !== null &&
      'strategy' in read &&
      typeof read.strategy === 'string'
    return isOverride && isConfigurableStrategy(read.strategy as string)
      ? (read as StrategyOverride)
      : undefined
  } catch {
    return undefined
  }
}
