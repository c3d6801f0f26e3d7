/** Metrics of `mode: observe` and of `rcptwise drain`; described and made as all others. */
export const beforeAndAfter = {
  draining: {
    type: 'gauge',
    name: 'draining',
    labels: [],
    help: '1 while Rcptwise begins no new split (`rcptwise drain`), else 0.',
  },
  drainingSplits: {
    type: 'gauge',
    name: 'draining_splits',
    labels: [],
    help: 'While it drains: open splits in which somebody has the message and whose sender will offer it again. At 0 your mail server may have its port back.',
  },
  observing: {
    type: 'gauge',
    name: 'observing',
    labels: [],
    help: '1 while Rcptwise only observes (`mode: observe`), else 0.',
    ofAll: 'max',
  },
  observedMessagesTotal: {
    type: 'counter',
    name: 'observed_messages_total',
    labels: ['peer', 'result'],
    help: 'Messages that Rcptwise passed on with `mode: observe`: agreed (all recipients would have had one answer), divided (some would have refused what others take), or not_observed (the log says why).',
  },
  observedRecipientsTotal: {
    type: 'counter',
    name: 'observed_recipients_total',
    labels: ['peer', 'verdict'],
    help: 'Recipients of messages that Rcptwise passed on with `mode: observe`, by the verdict that they would have had.',
  },
  observedForcedRetriesTotal: {
    type: 'counter',
    name: 'observed_forced_retries_total',
    labels: ['peer', 'strategy'],
    help: 'Forced retries that each strategy would have caused, of messages that Rcptwise passed on with `mode: observe`. Compare with observed_messages_total.',
  },
} as const
