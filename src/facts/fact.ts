/**
 * What happened, as plain data. The log line, the metrics and the console are all derived from
 * these, so that they can't tell different stories. Nobody decides anything from one, but for what
 * `auto` learns (peers/learning.ts). Times are ms since the epoch, durations are ms.
 */
import type { BackendFact } from './backend.ts'
import type { BounceFact } from './bounces.ts'
import type { CertificateFact } from './certificates.ts'
import type { HistoryFact } from './history.ts'
import type { JudgeFact } from './judges.ts'
import type { NotObservedFact, ObservedFact } from './observed.ts'
import type { OperationFact } from './operation.ts'
import type { PeerFact } from './peers.ts'
import type { PolicyFact } from './policies.ts'
import type { SessionFact } from './sessions.ts'
import type { SplitFact } from './splits.ts'
import type { MessageIdFact, TransactionFact } from './transaction.ts'

export type Fact =
  | TransactionFact
  | MessageIdFact
  | BackendFact
  | BounceFact
  | CertificateFact
  | HistoryFact
  | JudgeFact
  | NotObservedFact
  | ObservedFact
  | OperationFact
  | PeerFact
  | PolicyFact
  | SessionFact
  | SplitFact

export type FactListener = (fact: Fact) => void
