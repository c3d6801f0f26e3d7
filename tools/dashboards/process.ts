/** The program itself: ledger, history, spool, configuration, certificates, processes. */
import { type Board } from './board.ts'
import { graph } from './panels.ts'
import { aMinute, own, sumOf, within } from './selectors.ts'

export const processBoard: Board = {
  uid: 'rcptwise-process',
  title: 'Process',
  says: 'The program itself: does it keep up, does it write its ledger, does it use the configuration and the certificates that you gave it.',
  first: [
    graph({
      title: 'Processor time',
      says: 'The share of one core that each process uses; the primary has no worker number.',
      unit: 'percentunit',
      queries: [
        [
          `sum by (instance, worker) (rate(process_cpu_seconds_total{${own}}[$__rate_interval]))`,
          '{{instance}} {{worker}}',
        ],
      ],
    }),
    graph({
      title: 'Memory',
      says: 'Resident memory of each process.',
      unit: 'bytes',
      queries: [
        [
          `sum by (instance, worker) (process_resident_memory_bytes{${own}})`,
          '{{instance}} {{worker}}',
        ],
      ],
    }),
    graph({
      title: 'Event-loop delay',
      says: 'How late a process is, 99 of 100. Above 0.1 s it has more to do than it can: add a front-end.',
      unit: 's',
      queries: [
        [
          `max by (instance, worker) (nodejs_eventloop_lag_p99_seconds{${own}})`,
          '{{instance}} {{worker}}',
        ],
      ],
    }),
    graph({
      title: 'Ledger',
      says: 'durable is 1 while Rcptwise writes the record of splits to its store; trouble counts how often it could not. In memory only, a restart would forget the open splits.',
      unit: 'short',
      queries: [
        [`min by (instance) (rcptwise_ledger_durable{${own}})`, '{{instance}} durable'],
        [sumOf('instance', `rcptwise_ledger_trouble_total{${own}}`), '{{instance}} trouble'],
      ],
    }),
    graph({
      title: 'Time of a ledger operation',
      says: '95 of 100 take no longer. Above a few ms the disk is too slow or too busy.',
      unit: 's',
      queries: [
        [within(0.95, { by: 'op', buckets: `rcptwise_ledger_seconds_bucket{${own}}` }), '{{op}}'],
      ],
    }),
    graph({
      title: 'Spool',
      says: 'The share of its room that the texts of messages take now: in memory (spool.total_memory; above it texts go to files at once) and in files (spool.total_disk, or what the file system has room for; above it messages are put off).',
      unit: 'percentunit',
      queries: [
        [
          `sum by (instance, kind) (rcptwise_spool_bytes{${own}})` +
            ` / sum by (instance, kind) (rcptwise_spool_limit_bytes{${own}})`,
          '{{instance}} {{kind}}',
        ],
      ],
    }),
    graph({
      title: 'Configuration',
      says: 'Changed configurations that Rcptwise loaded, or kept out because they are wrong. wrong is 1 until you give it a good one: the log (configKept) says what is wrong, and so does rcptwise check.',
      unit: 'short',
      bars: true,
      queries: [
        [`max by (instance) (rcptwise_config_kept{${own}})`, '{{instance}} wrong'],
        [
          sumOf('instance, result', `rcptwise_config_reloads_total{${own}}`),
          '{{instance}} {{result}}',
        ],
      ],
    }),
    graph({
      title: 'Certificates expire in',
      says: 'Time left for each TLS certificate in use. Rcptwise takes a renewed file into use without a restart.',
      unit: 's',
      queries: [
        [`min by (name) (rcptwise_tls_certificate_expiry_seconds{${own}}) - time()`, '{{name}}'],
      ],
    }),
    graph({
      title: 'Worker processes lost',
      says: 'Workers that ended by themselves and that Rcptwise replaced. Each has broken off the sessions that it had; their senders come again. The log says what ended them (workerLost), and whether they had stopped reacting (workerHung).',
      unit: 'short',
      bars: true,
      queries: [
        [sumOf('instance', `rcptwise_workers_lost_total{${own}}`), '{{instance}}'],
        [sumOf('instance', `rcptwise_workers_hung_total{${own}}`), '{{instance}}: of these hung'],
      ],
    }),
  ],
  rows: [
    {
      title: 'History',
      panels: [
        graph({
          title: 'Written into the history, a minute',
          says: 'What Rcptwise writes for rcptwise why. left_out: there was no room for it while the file could not be written; trouble counts how often it could not.',
          unit: 'cpm',
          queries: [
            [
              aMinute('result', `rcptwise_history_transactions_total{${own}}`),
              'transactions {{result}}',
            ],
            [aMinute('', `rcptwise_history_recipients_total{${own}}`), 'recipients'],
            [aMinute('', `rcptwise_history_trouble_total{${own}}`), 'trouble'],
          ],
        }),
        graph({
          title: 'Missing in the history',
          says: 'Transactions that wait in memory or were left out while the file can not be written.',
          unit: 'short',
          queries: [
            [`sum by (instance) (rcptwise_history_unwritten_transactions{${own}})`, '{{instance}}'],
          ],
        }),
        graph({
          title: 'Time to write a batch into the history',
          says: 'Behind the answers, in a thread of its own.',
          unit: 's',
          queries: [
            [
              within(0.5, { by: '', buckets: `rcptwise_history_write_seconds_bucket{${own}}` }),
              'half',
            ],
            [
              within(0.99, { by: '', buckets: `rcptwise_history_write_seconds_bucket{${own}}` }),
              '99 of 100',
            ],
          ],
        }),
      ],
    },
    {
      title: 'More of the process',
      panels: [
        graph({
          title: 'Running since',
          says: 'Hours since Rcptwise started, and since it loaded the configuration in use.',
          unit: 'h',
          queries: [
            [
              `(time() - min by (instance) (rcptwise_started_seconds{${own}})) / 3600`,
              '{{instance}} started',
            ],
            [
              `(time() - max by (instance) (rcptwise_config_loaded_seconds{${own}})) / 3600`,
              '{{instance}} configuration',
            ],
          ],
        }),
        graph({
          title: 'Certificate files read',
          says: 'loaded, or kept: the changed files are wrong, and the old certificate stays in use (log: certificateKept). wrong says of how many certificates that is so now.',
          unit: 'short',
          bars: true,
          queries: [
            [`max by (instance) (rcptwise_tls_certificates_kept{${own}})`, '{{instance}} wrong'],
            [
              sumOf('instance, result', `rcptwise_tls_certificate_reloads_total{${own}}`),
              '{{instance}} {{result}}',
            ],
          ],
        }),
        graph({
          title: 'Readers of live events, and facts that they missed',
          says: 'Consoles that are open now, and facts that a worker did not tell its primary for them. What you watch then lacks these; log and metrics have them.',
          unit: 'short',
          bars: true,
          queries: [
            [`max by (instance) (rcptwise_event_readers{${own}})`, '{{instance}} readers'],
            [sumOf('instance', `rcptwise_facts_dropped_total{${own}}`), '{{instance}} missed'],
          ],
        }),
      ],
    },
  ],
}
