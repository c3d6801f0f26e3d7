/**
 * What a serve that runs can add to the configuration: strategies that were set at run time, and
 * what was learned of senders.
 */
import { readFileSync } from 'node:fs'
import { listPeers } from '../../admin/operations/peers.ts'
import { listSenders } from '../../admin/operations/senders.ts'
import type { PeerJson, SenderJson } from '../../admin/schemas.ts'
import type { RunningServe } from '../../app/explain/peer.ts'
import type { Config } from '../../config/config.ts'
import type { StrategyOverride } from '../../ledger/ledger.ts'
import type { SenderPin, SenderRecord } from '../../ledger/senders.ts'
import { known } from '../../known.ts'
import { networkName, senderName, type SenderHost } from '../../peers/sender-name.ts'
import { request } from '../admin-client.ts'
import { CommandFailure } from '../command-failure.ts'

/** `why`, `told`: for people. */
export type ServeAnswer =
  | {
      readonly kind: 'told'
      readonly url: string
      readonly serve: RunningServe
    }
  | { readonly kind: 'not told'; readonly why: string }

/** What it has learned of whoever sends as this client does. Never rejects. */
export async function askServe({ admin }: Config, client: SenderHost): Promise<ServeAnswer> {
  if (admin === undefined) return { kind: 'not told', why: 'the configuration has no admin API' }
  const url = urlOf(admin.listen)
  try {
    const [first] = admin.tokens
    const token = first && readFileSync(first.file, 'utf8').trim()
    const server = { url: new URL(url), token }
    const { peers } = await request(server, listPeers)
    const names = new Set([senderName(client), networkName(client.address)])
    const found = await Promise.all(
      [...names].map(async (name) => await request(server, listSenders, { query: { name } })),
    )
    const senders = found.flatMap(({ senders: of }) => of)
    const overrides = peers.flatMap(overrideOf)
    return { kind: 'told', url, serve: { overrides, senders: senders.map(recordOf) } }
  } catch (error) {
    const [why = ''] = (error instanceof Error ? error.message : String(error)).split('\n')
    return { kind: 'not told', why: error instanceof CommandFailure ? why : `${url}: ${why}` }
  }
}

/** One that listens on all addresses is asked on this host. */
function urlOf({ host, port }: { readonly host: string; readonly port: number }): string {
  const here = host === '0.0.0.0' ? '127.0.0.1' : host === '::' ? '::1' : host
  return `http://${here.includes(':') ? `[${here}]` : here}:${port}`
}

function overrideOf({ name, override }: PeerJson): readonly StrategyOverride[] {
  if (override === undefined) return []
  const { strategy, by, setAt, until } = override
  const end = until === undefined ? undefined : Date.parse(until)
  return [{ peer: name, strategy, by, setAt: Date.parse(setAt), ...known({ until: end }) }]
}

const recordOf = ({ name, lessons, lastChange, pin }: SenderJson): SenderRecord => ({
  name,
  counts: lessons,
  at: Date.parse(lastChange),
  ...(pin !== undefined && { pin: pinOf(pin) }),
})

const pinOf = ({ until, at, ...pin }: NonNullable<SenderJson['pin']>): SenderPin => ({
  ...pin,
  at: Date.parse(at),
  ...(until !== undefined && { until: Date.parse(until) }),
})
