/** The metrics of the history, as those of metrics.ts. */

/** Of one operation on a store. */
export const storeBuckets = [
  0.000_01, 0.000_03, 0.000_1, 0.000_3, 0.001, 0.003, 0.01, 0.03, 0.1, 0.3, 1,
]

export const historyMetrics = {
  historyTransactionsTotal: {
    type: 'counter',
    name: 'history_transactions_total',
    labels: ['result'],
    help: 'Transactions that Rcptwise has written into the history (written), or for which there was no room (left_out): rcptwise why does not know those.',
  },
  historyRecipientsTotal: {
    type: 'counter',
    name: 'history_recipients_total',
    labels: [],
    help: 'Recipients that Rcptwise has written into the history.',
  },
  historyTroubleTotal: {
    type: 'counter',
    name: 'history_trouble_total',
    labels: [],
    help: 'Times that Rcptwise could not write the history. It tries again every two seconds.',
  },
  historyUnwrittenTransactions: {
    type: 'gauge',
    name: 'history_unwritten_transactions',
    labels: [],
    help: 'Transactions that are missing in the history at this moment, because Rcptwise can not write it: they wait in memory, or there was no room for them.',
  },
  historyWriteSeconds: {
    type: 'histogram',
    name: 'history_write_seconds',
    labels: [],
    help: 'Time to write one batch of transactions into the history, behind their answers and in a thread of its own.',
    buckets: storeBuckets,
  },
} as const
