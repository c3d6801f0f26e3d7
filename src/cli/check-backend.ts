/**
 * The part of `check` that asks the servers behind: every address of each, its EHLO, and what
 * clients are offered in the end.
 */
import { backendSettings, openBackend } from '../app/backend.ts'
import type { ServerView } from '../backend/backend.ts'
import type { Config } from '../config/config.ts'
import { bad, type Finding, ok } from './finding.ts'

export interface CheckedBackend {
  readonly findings: readonly Finding[]
  readonly servers: readonly ServerView[]
}

/** Connects to every address of every server. Never rejects. */
export async function checkBackend(config: Config): Promise<CheckedBackend> {
  const backend = openBackend(backendSettings(config), { onFact: () => undefined, now: Date.now })
  try {
    await backend.probe()
    // the first one does not wait for slow servers when another one can be used
    await backend.probe()
    const servers = backend.servers()
    const findings = servers.map((server) =>
      (server.usable ? ok : bad)('backend', describe(server), nameOf(server)),
    )
    if (servers.length < 2) return { findings, servers }
    const offered = wordsOf(backend.extensions())
    const together = ok(
      'extensions',
      `clients are offered what all servers of the best priority offer: ${offered}`,
    )
    return { findings: [...findings, together], servers }
  } finally {
    await backend.close()
  }
}

/** A name that has several addresses has several findings. */
export const nameOf = ({ server, address }: ServerView): string =>
  address === '' || server.includes(address) ? server : `${server} at ${address}`

function describe(view: ServerView): string {
  const { priority, usable, trouble, relays, extensions } = view
  const where = nameOf(view)
  const name = priority === 0 ? where : `${where} (priority ${priority})`
  if (usable) return `${name} answers and offers ${wordsOf(extensions)}`
  if (relays === true) return `${name}: ${trouble ?? ''}`
  return `${name}: ${trouble ?? 'no answer'}; is it running, and does it listen there (backend.servers)?`
}

const wordsOf = (extensions: ReadonlyMap<string, string>): string =>
  [...extensions.keys()].join(' ') || 'nothing'
