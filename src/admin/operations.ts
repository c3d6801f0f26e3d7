/** All that the admin address answers to. */
import type { Operation } from './operation.ts'
import { listAudit } from './operations/audit.ts'
import { listHappened } from './operations/happened.ts'
import { getConfiguration } from './operations/configuration.ts'
import { beginDrain, endDrain, getDrain } from './operations/drain.ts'
import { readEvents } from './operations/events.ts'
import { getHealth, getReadiness } from './operations/health.ts'
import { searchHistory } from './operations/history.ts'
import { getMetrics } from './operations/metrics.ts'
import { getStrategy, listPeers, resetStrategy, setStrategy } from './operations/peers.ts'
import { getSession, logIn, logOut } from './operations/session.ts'
import {
  forgetSender,
  getSender,
  getSenderStrategy,
  listSenders,
  pinSender,
} from './operations/senders.ts'
import { getRecent } from './operations/recent.ts'
import { forgiveSplit, getSplit, listSplits } from './operations/splits.ts'

export const operations: readonly Operation[] = [
  getMetrics,
  getHealth,
  getReadiness,
  getSession,
  logIn,
  logOut,
  readEvents,
  listHappened,
  listAudit,
  getRecent,
  getConfiguration,
  listPeers,
  getStrategy,
  setStrategy,
  resetStrategy,
  listSenders,
  getSender,
  getSenderStrategy,
  pinSender,
  forgetSender,
  listSplits,
  getSplit,
  forgiveSplit,
  searchHistory,
  getDrain,
  beginDrain,
  endDrain,
]
