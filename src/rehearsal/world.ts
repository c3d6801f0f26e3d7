/**
 * What a rehearsal needs to know of the world: what the machine asks, and what whoever is around it
 * would tell. There is no server behind: whoever gets the message is taken to be taken by it.
 */
import type { Prepared } from '../bounce/bounce.ts'
import type { JudgedEnvelope } from '../judge/judge.ts'
import type { PolicyAnswer } from '../policy/policy-source.ts'
import type { Effect } from '../session/effects.ts'
import type { PeerFacts, ServedAs } from '../session/oracle.ts'
import type { Client, SessionOptions } from '../session/session.ts'
import type { Extensions } from '../smtp/ehlo.ts'
import type { TextFault } from '../smtp/text-receiver.ts'
import type { MessageIdentity } from '../split/split.ts'
import type { Findings } from '../verdict/judgement.ts'

type Of<Kind extends Effect['do']> = Extract<Effect, { do: Kind }>

export interface World {
  readonly session: SessionOptions
  readonly client: Client
  /** Of the server behind, as it is assumed. */
  readonly extensions: Extensions
  /** ms since the epoch, at the first attempt. */
  readonly startsAt: number
  /** What the ids of its transactions begin with. */
  readonly id: string
  readonly serve: (peer: PeerFacts) => ServedAs
  readonly policyOf: (address: string) => PolicyAnswer
  /** Of those who get the text in this attempt. */
  readonly findingsFor: (envelope: JudgedEnvelope) => Findings
  readonly vouch: (effect: Of<'vouch'>) => Promise<boolean>
  readonly prepareBounce: (effect: Of<'prepareBounce'>) => Promise<Prepared>
}

/** A message as its sender sends it. */
export interface Letter {
  readonly helo: string
  /** For the wire, without brackets. */
  readonly sender: string
  /** For the wire, without brackets. */
  readonly recipients: readonly string[]
  /** Of the addresses: needs SMTPUTF8. */
  readonly international: boolean
  readonly sizeBytes: number
  /** Why it would be refused as it is, whoever it is for. */
  readonly fault?: TextFault
  /** Absent where it would be refused as it is. */
  readonly identity?: MessageIdentity
}
