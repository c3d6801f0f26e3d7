/**
 * A site of many front-ends for some minutes or hours, without a socket and in no time: mail,
 * trouble, then calm in which every sender goes on until it is done, then the count of the chaos
 * run (test/chaos/count.ts). The same seed gives the same run to the octet.
 */
import { createHash } from 'node:crypto'
import type { Split } from '../../src/split/split.ts'
import type { ConfigurableStrategy } from '../../src/strategy/names.ts'
import { type Finding, type OpenSplit, Record as Count } from '../chaos/count.ts'
import type { Entry } from '../chaos/journal.ts'
import { openOf } from '../chaos/senders.ts'
import { Random } from '../support/random.ts'
import { Behind } from './behind.ts'
import { Figures } from './figures.ts'
import { FrontEnd } from './front-end.ts'
import { LedgerServer } from './ledger-server.ts'
import { type Balance, Mail } from './mail.ts'
import { MemoryStore, type Store } from './memory-store.ts'
import {
  accepts,
  comesAgain,
  policyOf,
  Population,
  type Shares,
  usualShares,
} from './population.ts'
import { Trouble } from './trouble.ts'
import { VirtualClock } from './virtual-clock.ts'

export interface RunOptions {
  readonly seed: number
  readonly nodes: number
  readonly minutes: number
  /** Messages a second, of the whole site. */
  readonly rate: number
  readonly strategy: ConfigurableStrategy
  readonly shares?: Shares
  readonly senders?: number
  readonly mailboxes?: number
  /** Ledgers, each for as many front-ends; one unless set. */
  readonly ledgers?: number
  readonly balance?: Balance
  /** Front-ends are killed, the ledger goes away, strategies change. */
  readonly trouble?: boolean
  /** What front-ends share, where it is one ledger; in memory unless set. */
  readonly store?: Store
}

export interface Outcome {
  readonly figures: Figures
  readonly findings: readonly Finding[]
  /** sha256 of all that happened, in order. */
  readonly digest: string
  readonly entries: readonly Entry[]
}

const begin = Date.UTC(2026, 0, 5, 8)
/** One way between a front-end and the ledger's server, ms. */
const ledgerWayMs = [0.2, 1] as const
/** Clocks are apart by so much, ms. */
const mostSkewMs = 3000
const lookEveryMs = 60_000
/** While nobody sends anything new. */
const calmLookEveryMs = 600_000

export async function simulateNodes(options: RunOptions): Promise<Outcome> {
  const { seed, nodes, minutes, rate, strategy } = options
  const clock = new VirtualClock(begin)
  const randomOf = (part: string): Random => new Random(seed, part)
  const entries: Entry[] = []
  const note = (entry: Entry): void => {
    entries.push(entry)
  }
  const figures = new Figures(nodes, begin)
  const servers = Array.from({ length: options.ledgers ?? 1 }, (_, i) => {
    const store = options.store ?? new MemoryStore({ now: clock.now })
    return new LedgerServer({
      ...{ clock, store, nodes, random: randomOf(`ledger ${i}`), wayMs: ledgerWayMs },
    })
  })
  const behind = new Behind({ clock, random: randomOf('behind'), note })
  const skews = randomOf('clocks')
  const frontEnds = Array.from({ length: nodes }, (_, number) => {
    const policies = {
      policiesFor: (recipients: readonly string[]) =>
        recipients.map((address) => ({ kind: 'found', policy: policyOf(address) }) as const),
    }
    const server = servers[Math.floor((number * servers.length) / nodes)]
    if (server === undefined) throw new Error('a front-end has no ledger')
    return new FrontEnd({
      ...{ number, clock, server, behind, policies, random: randomOf(`front-end ${number}`) },
      skewMs: skews.between(-mostSkewMs, mostSkewMs),
      onFact: (fact, node) => figures.hear(fact, node),
    })
  })
  for (const frontEnd of frontEnds) await frontEnd.start(strategy)
  const { senders = 2000, mailboxes = 20_000 } = options
  const mail = new Mail({
    ...{ clock, frontEnds, rate, note, random: randomOf('mail') },
    population: new Population(randomOf('population'), senders, mailboxes),
    shares: options.shares ?? usualShares,
    balance: options.balance ?? 'any',
    untilMs: begin + minutes * 60_000,
  })
  mail.begin()
  const trouble = new Trouble({
    ...{ clock, servers, frontEnds, strategy, note, random: randomOf('trouble') },
    forMs: minutes * 60_000,
  })
  if (options.trouble === true) trouble.begin()
  const look = async (): Promise<void> => {
    figures.look(clock.now() - begin, await clock.hold(openIn(servers)))
    const everyMs = mail.isCalm ? calmLookEveryMs : lookEveryMs
    if (!mail.isOver) clock.after(everyMs, () => void look())
    else for (const frontEnd of frontEnds) frontEnd.kill()
  }
  clock.after(0, () => void look())
  await clock.run()
  figures.close({ mail, frontEnds, servers, trouble, steps: clock.steps, entries })
  const findings = await count(entries, { ...options, mail, servers })
  const digest = createHash('sha256').update(JSON.stringify(entries)).digest('hex')
  return { figures, findings, digest, entries }
}

const openIn = async (servers: readonly LedgerServer[]): Promise<readonly Split[]> =>
  (await Promise.all(servers.map(async ({ store }) => await store.openSplits(Infinity)))).flat()

interface Counted extends RunOptions {
  readonly mail: Mail
  readonly servers: readonly LedgerServer[]
}

async function count(
  entries: readonly Entry[],
  { strategy, mail, servers, nodes }: Counted,
): Promise<readonly Finding[]> {
  const record = new Count(entries, strategy, accepts)
  const queueing = mail.letters.filter((letter) => comesAgain(letter))
  const open = new Map(queueing.map((letter) => [letter.id, openOf(letter)]))
  const splits = await openIn(servers)
  const findings = [...record.findings(), ...record.undone(open, splits.map(asTold))]
  if (servers.length === 1) return findings
  const ledgersOf = new Map<string, Set<number>>()
  for (const entry of entries)
    if (entry.what === 'transaction') {
      const known = ledgersOf.get(entry.letter) ?? new Set()
      ledgersOf.set(entry.letter, known.add(Math.floor((entry.front * servers.length) / nodes)))
    }
  return findings.map((finding) =>
    finding.because === undefined && (ledgersOf.get(finding.letter)?.size ?? 0) > 1
      ? { ...finding, because: 'the sender came to front-ends of another ledger' }
      : finding,
  )
}

const asTold = ({ reversePath, messageId, recipients }: Split): OpenSplit => ({
  from: reversePath,
  ...(messageId !== undefined && { messageId }),
  recipients: recipients.filter(({ state }) => state !== 'answered').map(({ address }) => address),
})

export const unexplained = ({ findings }: Pick<Outcome, 'findings'>): readonly Finding[] =>
  findings.filter(({ because }) => because === undefined)
