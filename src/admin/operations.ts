/** All that the admin address answers to. */
import type { Operation } from './operation.ts'
import { beginDrain, endDrain, getDrain } from './operations/drain.ts'
import { readEvents } from './operations/events.ts'
import { getHealth, getReadiness } from './operations/health.ts'
import { searchHistory } from './operations/history.ts'
import { getMetrics } from './operations/metrics.ts'
import { listPeers, resetStrategy, setStrategy } from './operations/peers.ts'
import { forgetSender, listSenders, pinSender } from './operations/senders.ts'
import { forgiveSplit, getSplit, listSplits } from './operations/splits.ts'

export const operations: readonly Operation[] = [
  getMetrics,
  getHealth,
  getReadiness,
  readEvents,
  listPeers,
  setStrategy,
  resetStrategy,
  listSenders,
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
