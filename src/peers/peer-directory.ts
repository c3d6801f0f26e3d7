/** Which peer class a client is in, and which strategy is in force for it. */
import { BlockList, isIP, isIPv6 } from 'node:net'
import { canonicalDomainOf } from '../smtp/domain.ts'
import type { StrategyOverride } from '../ledger/ledger.ts'
import type { PeerFacts, ServedAs } from '../session/oracle.ts'
import { chooseStrategy, comesBackWithin, type Learned } from '../strategy/auto.ts'
import type { ConfigurableStrategy } from '../strategy/names.ts'
import type { PeerClass } from '../strategy/peer-class.ts'
import { matchesDomain } from '../strategy/relay-domains.ts'
import { strategyInForce } from './overrides.ts'

export interface PeerClassMatch {
  readonly address: readonly string[]
  readonly rdns: readonly string[]
  readonly helo: readonly string[]
  readonly senderDomain: readonly string[]
}

/** A class as configured, whose strategy may be `auto`. */
export type DirectoryClass = Omit<PeerClass, 'strategy'> & {
  readonly strategy: ConfigurableStrategy
  readonly match: PeerClassMatch
}

export interface PeerDirectoryOptions {
  /** In order; the last one fits everyone. */
  readonly classes: readonly DirectoryClass[]
  /** Address ranges that are never split (rule 7). */
  readonly trusted: readonly string[]
  readonly overrides: () => readonly StrategyOverride[]
  readonly now: () => number
  /**
   * Whether the ledger keeps what is written to it. While it does not (its disk or server is away),
   * nobody is delivered to ahead of the reply: a retry that comes to another process or node would
   * be delivered again. Absent: it does.
   */
  readonly remembers?: () => boolean
  /**
   * What `auto` goes by: the name a client is learned under, and what was learned. Absent: nothing
   * is known of anybody.
   */
  readonly learned?: (client: Pick<PeerFacts, 'address' | 'rdns'>) => {
    readonly sender: string
    readonly learned?: Learned
  }
}

interface Entry {
  readonly peer: Omit<DirectoryClass, 'match'>
  readonly match: PeerClassMatch
  readonly fitsAddress: (address: string) => boolean
}

/** Whether an address is in any of the ranges, which are in CIDR form or single addresses. */
export function inRanges(cidrs: readonly string[]): (address: string) => boolean {
  if (cidrs.length === 0) return () => false // asked at each message
  const list = new BlockList()
  for (const cidr of cidrs) {
    const [address = '', prefix] = cidr.split('/')
    const family = isIPv6(address) ? 'ipv6' : 'ipv4'
    if (prefix === undefined) list.addAddress(address, family)
    else list.addSubnet(address, Number(prefix), family)
  }
  return remembering(
    (address) => isIP(address) !== 0 && list.check(address, isIPv6(address) ? 'ipv6' : 'ipv4'),
  )
}

/** Answers at a time; messages of one client are asked about again and again. */
const mostRemembered = 1000

function remembering(ask: (address: string) => boolean): (address: string) => boolean {
  const answers = new Map<string, boolean>()
  return (address) => {
    const known = answers.get(address)
    if (known !== undefined) return known
    if (answers.size >= mostRemembered) answers.clear()
    const answer = ask(address)
    answers.set(address, answer)
    return answer
  }
}

/**
 * `name` as it came from the wire, or in its canonical spelling; the patterns are in theirs, by the
 * configuration.
 */
function fitsAny(name: string, patterns: readonly string[]): boolean {
  if (patterns.length === 0) return false
  const canonical = canonicalDomainOf(name)
  return canonical !== undefined && patterns.some((pattern) => matchesDomain(canonical, pattern))
}

export class PeerDirectory {
  readonly #entries: readonly Entry[]
  readonly #trusted: (address: string) => boolean
  readonly #options: PeerDirectoryOptions
  /** Someone asks for host names, so they have to be looked up before the greeting. */
  readonly needsRdns: boolean

  constructor(options: PeerDirectoryOptions) {
    this.#options = options
    this.#entries = options.classes.map(({ match, ...peer }) => ({
      peer,
      match,
      fitsAddress: inRanges(match.address),
    }))
    this.#trusted = inRanges(options.trusted)
    this.needsRdns = options.classes.some(
      ({ match, strategy }) => match.rdns.length > 0 || strategy === 'auto',
    )
  }

  /** What is in force: set at run time, else configured. */
  strategyOf(peer: Pick<DirectoryClass, 'name' | 'strategy'>): ConfigurableStrategy {
    const overrides = this.#options.overrides()
    if (overrides.length === 0) return peer.strategy
    return strategyInForce(peer, overrides, this.#options.now())
  }

  serve(facts: PeerFacts): ServedAs {
    const peer = this.#find(facts)
    const strategy = this.strategyOf(peer)
    const { sender, learned } = this.#options.learned?.(facts) ?? {
      sender: facts.address,
      learned: undefined,
    }
    const chosen = strategy === 'auto' ? chooseFor(peer, sender, learned) : { ...peer, strategy }
    const comesBack = learned === undefined ? undefined : comesBackWithin(learned.lessons)
    const served = {
      peer: this.#remembering(chosen),
      trusted: this.#trusted(facts.address),
      sender,
    }
    return comesBack === undefined ? served : { ...served, comesBack }
  }

  #remembering(peer: PeerClass): PeerClass {
    if (this.#options.remembers?.() !== false) return peer
    const strategy = peer.strategy === 'late' ? 'group' : peer.strategy
    const unvouched = peer.unvouchedAs === 'late' ? { unvouchedAs: 'group' as const } : {}
    return { ...peer, ...unvouched, strategy, deliverDeferred: false }
  }

  #find(facts: PeerFacts): Entry['peer'] {
    for (const { peer, match, fitsAddress } of this.#entries) {
      const everyone =
        match.address.length + match.rdns.length + match.helo.length + match.senderDomain.length ===
        0
      if (everyone || fitsAddress(facts.address) || fitsAny(facts.helo, match.helo)) return peer
      if (facts.rdns !== undefined && fitsAny(facts.rdns, match.rdns)) return peer
      if (facts.senderDomain !== '' && fitsAny(facts.senderDomain, match.senderDomain)) return peer
    }
    throw new Error('no peer class fits, although the last one has to')
  }
}

/** `auto` becomes what is right for this sender; it is asked again for each transaction. */
function chooseFor(peer: Entry['peer'], sender: string, learned: Learned | undefined): PeerClass {
  const { strategy, why } = chooseStrategy(learned)
  const chosen = { ...peer, strategy, chosen: { sender, why } }
  if (learned?.pinned !== undefined) return chosen
  return { ...chosen, unvouchedAs: chooseStrategy(learned, false).strategy }
}
