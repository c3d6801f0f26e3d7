/**
 * The part of `check` that asks the servers behind: every address of each, its EHLO, and what
 * clients are offered in the end.
 */
import { backendSettings, openBackend } from '../app/backend.ts'
import type { ServerView } from '../backend/backend.ts'
import type { Config } from '../config/config.ts'

export interface Finding {
  readonly ok: boolean
  readonly text: string
}

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
    const findings = servers.map((server) => ({ ok: server.usable, text: describe(server) }))
    if (servers.length < 2) return { findings, servers }
    const offered = wordsOf(backend.extensions())
    findings.push({
      ok: true,
      text: `backend: clients are offered what all of the best priority offer: ${offered}`,
    })
    return { findings, servers }
  } finally {
    await backend.close()
  }
}

function describe({
  server,
  address,
  priority,
  usable,
  trouble,
  relays,
  extensions,
}: ServerView): string {
  const where = address === '' || server.includes(address) ? server : `${server} at ${address}`
  const name = priority === 0 ? where : `${where} (priority ${priority})`
  if (usable) return `backend: ${name} answers and offers ${wordsOf(extensions)}`
  if (relays === true) return `backend: ${name}: ${trouble ?? ''}`
  return `backend: ${name}: ${trouble ?? 'no answer'}; is it running, and does it listen there (backend.servers)?`
}

const wordsOf = (extensions: ReadonlyMap<string, string>): string =>
  [...extensions.keys()].join(' ') || 'nothing'
