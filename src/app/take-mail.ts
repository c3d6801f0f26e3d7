/**
 * Taking mail, once a process that does: the limits on clients, what their texts may take, the
 * configuration in force with its sessions, and the listeners. Another process may keep the house.
 */
import type { Config, ListenAddress } from '../config/config.ts'
import { ClientLimits } from '../listen/client-limits.ts'
import type { SharedLimits } from '../listen/shared-limits.ts'
import { SpoolBudget } from '../listen/spool-budget.ts'
import { VerifiedNames } from '../peers/verified-names.ts'
import { senderAllowance } from './bounces.ts'
import { DnsQuestions } from './dns-questions.ts'
import type { Foundation } from './foundation.ts'
import { type Generation, openGeneration, type OutlivingParts } from './generation.ts'
import { leasedParts } from './leased-parts.ts'
import { ledgerForSessions } from './ledger.ts'
import { limitsOf, spoolBudgetOf } from './limits.ts'
import { Listeners, type ListenersOptions } from './listeners.ts'
import { randomIds } from './random-ids.ts'

export interface MailSurroundings
  extends Pick<OutlivingParts, 'certificates'>, Pick<ListenersOptions, 'socketOf' | 'open'> {
  readonly foundation: Foundation
  /** What is limited for all processes together that take mail. */
  readonly shared: SharedLimits
}

export interface Mail extends AsyncDisposable {
  /**
   * Where it listens, in the order of the configuration; ports as they are, also where 0 was asked
   * for.
   */
  readonly addresses: readonly ListenAddress[]
  /** What keeps mail from being taken, in words. */
  reasons(): readonly string[]
  /**
   * Serves new sessions with another configuration; those that are open end with theirs. Rejects,
   * and goes on as before, when something of it can't be used.
   */
  reload(config: Config): Promise<void>
}

/**
 * Rejects with what can't be used and why, and leaves nothing behind then. Disposed of, it lets
 * sessions finish within `timeouts.shutdown`.
 */
export async function takeMail(config: Config, surroundings: MailSurroundings): Promise<Mail> {
  await using opened = new AsyncDisposableStack()
  const { foundation, shared, certificates, socketOf, open } = surroundings
  const { facts, ledger, now } = foundation
  const onFact = facts.tell
  const budget = new SpoolBudget(spoolBudgetOf(config, onFact, now), shared.counts)
  const allowance = senderAllowance(config, now, shared.rates)
  const questions = new DnsQuestions(config, now, shared.rates)
  const outliving: OutlivingParts = {
    ...leasedParts({ onFact, now, neighbours: shared.counts }),
    ledger: ledgerForSessions(ledger, onFact),
    certificates,
    names: new VerifiedNames({ now }),
    budget,
    allowance,
    questions,
    onFact,
    now,
    newId: randomIds(),
  }
  let current: Generation = await openGeneration(config, outliving)
  const generations = new Set([current])
  opened.defer(async () => {
    await Promise.all([...generations].map(async (generation) => await generation.close()))
  })
  foundation.readAtScrape({
    pool: () => current.backend.connections(),
    backends: () => current.backend.servers(),
    spool: () => budget,
  })
  const limits = new ClientLimits(limitsOf(config, current.directory, now), shared)
  const listeners = new Listeners({
    serving: (generation, entry) => generation.serving(entry, limits),
    socketOf,
    open,
  })
  opened.defer(async () => await listeners.close(current.config.timeouts.shutdownMs))
  await listeners.use(current)

  async function begin(next: Config): Promise<Generation> {
    const generation = await openGeneration(next, outliving)
    try {
      await listeners.use(generation)
    } catch (error) {
      await generation.close()
      throw error
    }
    return generation
  }

  const owned = opened.move()
  return {
    get addresses() {
      return listeners.all.map(({ host, port }) => ({ host, port }))
    },
    reasons() {
      const reasons: string[] = []
      if (listeners.all.length < current.config.listen.length)
        reasons.push('not all addresses are listened on yet')
      const trouble = current.backend.trouble()
      if (trouble !== undefined) reasons.push(`backend: ${trouble}`)
      const judging = current.judgesTrouble()
      if (judging !== undefined) reasons.push(`judge: ${judging}`)
      return reasons
    },
    async reload(next) {
      const before = current
      current = await begin(next)
      generations.add(current)
      limits.use(limitsOf(next, current.directory, now))
      budget.use(spoolBudgetOf(next, onFact, now))
      allowance.use(next.limits.bouncesPerHour)
      questions.use(next)
      before.retire(() => generations.delete(before))
    },
    [Symbol.asyncDispose]: async () => await owned.disposeAsync(),
  }
}
