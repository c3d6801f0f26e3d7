/**
 * Who sends to the site of the run, and who has a mailbox there: in stated shares, drawn from the
 * seed. How each sender behaves was measured (docs: senders).
 */
import { senderTimes, type SenderTimes } from '../../src/past/sender-model.ts'
import type { Policy } from '../../src/verdict/policy.ts'
import { isCaller, type SenderKind } from '../chaos/senders.ts'
import type { Random } from '../support/random.ts'

interface Make {
  readonly kind: SenderKind
  readonly times: SenderTimes
  /** Of 100 messages. */
  readonly share: number
  /** Comes again from other hosts of its own, of so many. */
  readonly hosts: number
  /** Sends for so many domains. */
  readonly domains: number
  /** Tries another MX at once, before it waits. */
  readonly nextAtOnce?: true
}

const makes: readonly Make[] = [
  { kind: 'sendmail', times: senderTimes.farm, share: 34, hosts: 60, domains: 40 },
  {
    kind: 'postfix',
    times: senderTimes.postfix,
    share: 30,
    hosts: 1,
    domains: 1,
    nextAtOnce: true,
  },
  { kind: 'exim', times: senderTimes.exim, share: 12, hosts: 1, domains: 1, nextAtOnce: true },
  { kind: 'eximPrdr', times: senderTimes.exim, share: 4, hosts: 1, domains: 1 },
  {
    kind: 'sendmail',
    times: senderTimes.sendmail,
    share: 5,
    hosts: 2,
    domains: 1,
    nextAtOnce: true,
  },
  { kind: 'opensmtpd', times: senderTimes.opensmtpd, share: 2, hosts: 1, domains: 1 },
  { kind: 'haraka', times: senderTimes.haraka, share: 3, hosts: 3, domains: 5 },
  { kind: 'qmail', times: senderTimes.dma, share: 2, hosts: 1, domains: 1 },
  { kind: 'nullmailer', times: senderTimes.nullmailer, share: 1, hosts: 1, domains: 1 },
  { kind: 'msmtp', times: senderTimes.msmtp, share: 2, hosts: 1, domains: 1 },
  // Programs, and senders of spam: they never come again.
  { kind: 'smtplib', times: senderTimes.smtplib, share: 5, hosts: 1, domains: 1 },
]

export interface Sender {
  readonly kind: SenderKind
  readonly number: number
  readonly domains: readonly string[]
  readonly hosts: readonly { readonly address: string; readonly rdns: string }[]
  /** ms from the first attempt to the n-th time that it comes again; undefined: it does not. */
  readonly retryAfterMs: (n: number) => number | undefined
  readonly nextAtOnce: boolean
  /** One way, ms. */
  readonly wayMs: number
}

/** Shares of 100 messages. */
export interface Shares {
  readonly recipients: Readonly<Record<string, number>>
  readonly scores: Readonly<Record<string, number>>
}

/** Most mail is to one recipient, and clean: of a hundred messages one or two divide theirs. */
export const usualShares: Shares = {
  recipients: { '1': 82, '2': 9, '3': 4, '4': 2, '6': 2, '20': 1 },
  scores: { '0': 82, '5.5': 6, '9': 6, '20': 6 },
}

export class Population {
  readonly senders: readonly Sender[]
  readonly #byMake: readonly (readonly Sender[])[]
  readonly #mailboxes: number

  /** About so many senders. */
  constructor(random: Random, senders: number, mailboxes: number) {
    this.#mailboxes = mailboxes
    let number = 0
    this.#byMake = makes.map((make) => {
      const count = Math.max(1, Math.round((senders * make.share) / 100 / make.domains))
      return Array.from({ length: count }, () => senderOf(make, number++, random))
    })
    this.senders = this.#byMake.flat()
  }

  /** Small ones send seldom, and a few send much. */
  sender(random: Random): Sender {
    const shares = Object.fromEntries(makes.map(({ share }, i) => [String(i), share]))
    const [among = []] = [this.#byMake[Number(random.weighted(shares))]]
    const place = Math.floor(among.length * random.next() ** 3)
    const sender = among[place]
    if (sender === undefined) throw new Error('there is nobody to send')
    return sender
  }

  recipients(random: Random, count: number): string[] {
    const chosen = new Set<string>()
    while (chosen.size < Math.min(count, this.#mailboxes))
      chosen.add(`user${random.between(1, this.#mailboxes)}@example.org`)
    return [...chosen]
  }
}

export const comesAgain = ({ kind }: Pick<Sender, 'kind'>): boolean => !isCaller(kind)

function senderOf(make: Make, number: number, random: Random): Sender {
  const name = `sender${number}.test`
  const address = (host: number): string =>
    make.hosts > 10
      ? `203.${number % 200}.${host % 250}.${1 + (host % 200)}`
      : `198.${18 + (number % 2)}.${(number >> 1) % 250}.${1 + ((number >> 9) % 200) + host}`
  // Queues are run by timers of their own, and never quite on time.
  const pace = 0.9 + random.next() * 0.4
  return {
    kind: make.kind,
    number,
    domains: Array.from({ length: make.domains }, (_, i) => `d${i}.${name}`),
    hosts: Array.from({ length: make.hosts }, (_, i) => ({
      address: address(i),
      rdns: `mail-${String.fromCharCode(97 + (i % 26))}${i}.${name}`,
    })),
    retryAfterMs: (n) => {
      const seconds = make.times.retryAfter(n)
      return seconds === undefined ? undefined : seconds * 1000 * pace
    },
    nextAtOnce: make.nextAtOnce === true,
    wayMs: random.between(5, 80),
  }
}

const tagOnly: Policy = { name: 'tag-only', tagAt: 6, neverDefer: false }
const careful: Policy = { name: 'careful', tagAt: 6, rejectAt: 15, neverDefer: false }
const strict: Policy = { name: 'strict', tagAt: 5, rejectAt: 8, neverDefer: false }
const wishes = [tagOnly, tagOnly, careful, careful, strict] as const

const numberOf = (address: string): number => Number(/^user(\d+)@/.exec(address)?.[1] ?? 0)

/** 40 of 100 refuse nothing, 40 what is certain, 20 what is suspicious. */
export const policyOf = (address: string): Policy =>
  wishes[numberOf(address) % wishes.length] ?? careful

export function accepts(address: string, score: number): boolean {
  const policy = policyOf(address)
  return policy.rejectAt === undefined || score < policy.rejectAt
}
