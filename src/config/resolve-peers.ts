/** The peer classes of a configuration, with the one that everybody else is in. */
import type { ConfiguredPeerClass, PeerMatch } from './config.ts'
import type { Report } from './report.ts'
import { resolveClassLimits } from './resolve-rates.ts'
import type { Settings } from './schema.ts'

type PeerSettings = Settings['peers'][number]

const everyone: PeerMatch = { address: [], rdns: [], helo: [], senderDomain: [] }

/**
 * What the class `default` is when nothing is said about it (design: Strategies, rules 3, 5 and 7).
 */
const builtIn: ConfiguredPeerClass = {
  name: 'default',
  match: everyone,
  strategy: 'auto',
  deferCode: 451,
  retryHintSeconds: 60,
  first: 'largest',
  forgiveAs: 'lenient',
  forgiveAfter: 1,
  maxForcedRetries: 16,
  lenientAs: 'tag',
  deliverDeferred: false,
  limits: { rates: {} },
}

/**
 * The classes in their order; `default` is the last one, and gives the others what they leave out.
 */
export function resolvePeers(
  settings: Settings['peers'],
  report: Report,
): readonly [ConfiguredPeerClass, ...ConfiguredPeerClass[]] {
  check(settings, report)
  const written = settings.find((peer) => peer.name === 'default')
  const fallback = written === undefined ? builtIn : inherit(written, builtIn)
  const named = settings
    .filter((peer) => peer.name !== 'default')
    .map((peer) => inherit(peer, fallback))
  const [first, ...rest] = named
  return first === undefined ? [fallback] : [first, ...rest, fallback]
}

function check(settings: Settings['peers'], report: Report): void {
  const seen = new Set<string>()
  for (const [i, peer] of settings.entries()) {
    if (seen.has(peer.name))
      report(['peers', i, 'name'], `there is already a class "${peer.name}"; rename one of them`)
    seen.add(peer.name)
    const matches = Object.values(peer.match).some((entries) => entries.length > 0)
    if (peer.name !== 'default') {
      if (!matches) {
        const keys = 'address, rdns, helo or sender_domain'
        report(
          ['peers', i, 'match'],
          `class "${peer.name}" fits nobody, expected an entry in ${keys}`,
        )
      }
      continue
    }
    if (matches)
      report(['peers', i, 'match'], 'the class "default" fits everyone; leave its match out')
    if (i !== settings.length - 1) {
      report(
        ['peers', i, 'name'],
        'the class "default" fits everyone and must be the last one; move it to the end',
      )
    }
  }
}

function inherit(peer: PeerSettings, fallback: ConfiguredPeerClass): ConfiguredPeerClass {
  const { match } = peer
  const shadow = peer.shadow ?? fallback.shadow
  return {
    name: peer.name,
    match: {
      address: match.address,
      rdns: match.rdns,
      helo: match.helo,
      senderDomain: match.sender_domain,
    },
    strategy: peer.strategy ?? fallback.strategy,
    ...(shadow !== undefined && shadow !== 'none' && { shadow }),
    deferCode: peer.defer_code ?? fallback.deferCode,
    retryHintSeconds: peer.retry_hint ?? fallback.retryHintSeconds,
    first: peer.first ?? fallback.first,
    forgiveAs: peer.forgive_as ?? fallback.forgiveAs,
    forgiveAfter: peer.forgive_after ?? fallback.forgiveAfter,
    maxForcedRetries: peer.max_forced_retries ?? fallback.maxForcedRetries,
    lenientAs: peer.lenient_as ?? fallback.lenientAs,
    deliverDeferred: peer.deliver_deferred ?? fallback.deliverDeferred,
    limits: resolveClassLimits(peer.limits),
  }
}
